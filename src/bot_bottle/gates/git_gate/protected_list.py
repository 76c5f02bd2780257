"""The built-in list of protected paths: files that run, or give orders, where somebody checks the repository out or builds it.

Globs on folded paths (small letters): `*` within a name, `**/` at any depth, `/**` everything below.
"""

CI = (
    ".github/workflows/**", ".github/actions/**", "**/action.yml", "**/action.yaml", ".github/dependabot.y*ml", ".github/settings.yml",
    ".gitlab-ci.yml", ".gitlab-ci/**", "**/*.gitlab-ci.yml", ".gitlab/**", ".gitea/**", ".forgejo/**", ".circleci/**",
    ".travis.yml", ".travis/**", "appveyor.yml", ".appveyor.yml", "azure-pipelines*.yml", "azure-pipelines*.yaml",
    ".azure-pipelines/**", ".azuredevops/**", ".azure/pipelines/**", "**/jenkinsfile", "**/jenkinsfile.*", "**/*.jenkinsfile",
    ".jenkins/**", "bitbucket-pipelines.yml", ".drone.*", ".drone/**", ".woodpecker.y*ml", ".woodpecker/**", ".buildkite/**",
    ".semaphore/**", ".cirrus.*", ".teamcity/**", "**/cloudbuild*.y*ml", "**/cloudbuild.json", "**/buildspec*.y*ml", ".tekton/**",
    ".build.yml", ".builds/**", "codeship-*.yml", "codefresh.yml", ".codefresh/**", "bitrise.yml", ".harness/**", ".buddy/**",
    "buddy.yml", ".zuul.y*ml", "zuul.y*ml", ".zuul.d/**", "zuul.d/**", ".prow.y*ml", ".prow/**", ".taskcluster.yml", "atlantis.y*ml",
    "screwdriver.yaml", "wercker.yml", ".argo/**", ".argocd-source*.yaml", "netlify.toml", "vercel.json", "render.yaml", "fly.toml",
    "renovate.json*", ".renovaterc*", ".github/renovate.json*", ".mergify.yml", ".mergify/**", ".github/mergify.yml", ".kodiak.toml",
    "bors.toml", ".dagger/**", "dagger.json", "earthfile", ".earthly/**", "skaffold.yaml",
)  # fmt: skip
"""Continuous integration, delivery, and the bots that merge: each by its vendor's documented place."""

OWNERS = ("**/codeowners", "**/owners", "**/owners_aliases")

AGENTS = (
    "**/claude.md", "**/claude.local.md", "**/.claude/**", ".claude.json", "**/agents.md", "**/agents.override.md", "**/agent.md",
    "**/.agents/**", "**/.agent/**", "**/gemini.md", "**/.gemini/**", "**/qwen.md", "**/.qwen/**", "**/crush.md", "**/.crush/**",
    "**/.crush.json", "**/crush.json", "**/warp.md", "**/replit.md", "**/.cursor/**", "**/.cursorrules", "**/.cursorignore",
    "**/.windsurf/**", "**/.windsurfrules", "**/.clinerules", "**/.clinerules/**", "**/.cline/**", "**/.roo/**", "**/.roorules*",
    "**/.roomodes", "**/.kilocode/**", "**/.kilocodemodes", "**/.aider*", "**/.continue/**", "**/.continuerules", "**/.codex/**",
    "**/.opencode/**", "**/opencode.json*", "**/.amp/**", "**/.junie/**", "**/.augment/**", "**/.augment-guidelines", "**/.kiro/**",
    "**/.trae/**", "**/.goosehints", "**/.goose/**", "**/.openhands/**", "**/.devin/**", "**/.copilot/**", "**/.factory/**",
    ".github/copilot-*", ".github/instructions/**", ".github/prompts/**", ".github/agents/**", ".github/chatmodes/**",
    ".github/skills/**", ".github/hooks/**", "**/.mcp.json", "**/mcp.json", "**/.mcp/**", "**/skill.md",
)  # fmt: skip
"""Files that coding agents read as instructions, or as settings that run commands."""

EDITORS = (
    ".vscode/**",
    "**/*.code-workspace",
    ".idea/**",
    ".zed/**",
    ".fleet/**",
    ".devcontainer/**",
    ".devcontainer.json",
    ".envrc",
)
"""Settings that run something when the folder is opened or entered."""

HOOKS = (
    ".githooks/**", "githooks/**", ".git-hooks/**", "git-hooks/**", ".hooks/**", "hooks/**", "**/.husky/**", ".huskyrc*", "lefthook*",
    ".lefthook*", ".lefthook/**", ".overcommit.yml", ".git-hooks.*", "**/.pre-commit-config.y*ml", ".pre-commit-hooks.yaml",
    "simple-git-hooks.*", ".simple-git-hooks.*", ".lintstagedrc*", "captainhook.json", ".yarnrc.yml", ".pnpmfile.*js",
)  # fmt: skip
"""What runs when somebody commits, checks out or installs."""

GIT = ("**/.gitmodules", "**/.gitattributes", "**/.gitconfig", "**/.lfsconfig", "**/.gitignore_global")
"""What git itself obeys: where submodules come from, which filters run."""

DEFAULT: tuple[str, ...] = (*CI, *OWNERS, *AGENTS, *EDITORS, *HOOKS, *GIT)

LOCKFILES: dict[str, tuple[str, ...]] = {
    "package-lock.json": ("package.json",),
    "npm-shrinkwrap.json": ("package.json",),
    "yarn.lock": ("package.json",),
    "pnpm-lock.yaml": ("package.json", "pnpm-workspace.yaml"),
    "bun.lock": ("package.json",),
    "bun.lockb": ("package.json",),
    "deno.lock": ("deno.json", "deno.jsonc"),
    "cargo.lock": ("cargo.toml",),
    "go.sum": ("go.mod",),
    "poetry.lock": ("pyproject.toml",),
    "uv.lock": ("pyproject.toml",),
    "pdm.lock": ("pyproject.toml",),
    "pylock.toml": ("pyproject.toml",),
    "pipfile.lock": ("pipfile",),
    "gemfile.lock": ("gemfile",),
    "composer.lock": ("composer.json",),
    "mix.lock": ("mix.exs",),
    "pubspec.lock": ("pubspec.yaml",),
    "podfile.lock": ("podfile",),
    "package.resolved": ("package.swift",),
    "packages.lock.json": ("*.csproj", "*.fsproj", "directory.packages.props"),
    "gradle.lockfile": ("build.gradle", "build.gradle.kts"),
    "flake.lock": ("flake.nix",),
    ".terraform.lock.hcl": ("*.tf",),
    "conan.lock": ("conanfile.txt", "conanfile.py"),
}
"""A file with pinned packages, and what it is made from, in the same folder."""
