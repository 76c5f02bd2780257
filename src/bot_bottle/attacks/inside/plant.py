"""Programs planted in the workspace, for git and other tools of the host to run: settings, hooks, filters, attributes."""

from __future__ import annotations

import os

HOOKS = (
    "applypatch-msg", "pre-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase",
    "post-checkout", "post-merge", "pre-push", "pre-receive", "update", "post-receive", "post-update", "reference-transaction", "pre-auto-gc",
    "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change", "push-to-checkout", "proc-receive",
)  # fmt: skip
SETTINGS = {
    "settings": "[core]\n\tfsmonitor = {0}\n\tsshCommand = {0}\n\tpager = {0}\n\teditor = {0}\n\taskPass = {0}\n\talternateRefsCommand = {0}\n",
    "diff": '[diff]\n\texternal = {0}\n[diff "x"]\n\tcommand = {0}\n\ttextconv = {0}\n[interactive]\n\tdiffFilter = {0}\n[merge "x"]\n\tdriver = {0}\n',
    "filter": '[filter "x"]\n\tclean = {0}\n\tsmudge = {0}\n\tprocess = {0}\n\trequired = true\n',
    "programs": "[credential]\n\thelper = !{0}\n[gpg]\n\tprogram = {0}\n[uploadpack]\n\tpackObjectsHook = {0}\n[alias]\n\tstatus = !{0}\n\tdiff = !{0}\n\tlog = !{0}\n",
}


def script(marker: str) -> str:
    """The program that would show that it ran: by its absolute path inside, and in words that work outside."""
    return "sh -c 'touch %s; cat >/dev/null'" % marker


def settings(kind: str, marker: str) -> str:
    """Settings of the repository that run programs, with attributes that ask for them."""
    os.makedirs(".git", exist_ok=True)
    with open(".git/config", "a") as file:
        file.write(SETTINGS[kind].format('"%s"' % script(marker).replace('"', '\\"')))
    with open(".gitattributes", "w") as file:
        file.write("* filter=x diff=x merge=x\n")
    with open("README.md", "a") as file:
        file.write("Changed.\n")
    return "done"


def hooks(marker: str) -> str:
    """Every hook that git knows."""
    os.makedirs(".git/hooks", exist_ok=True)
    for name in HOOKS:
        path = ".git/hooks/" + name
        with open(path, "w") as file:
            file.write("#!/bin/sh\n%s\n" % script(marker))
        os.chmod(path, 0o755)
    return "done"


def moved_hooks(marker: str) -> str:
    """Hooks in the work tree, where settings lead."""
    os.makedirs("tools", exist_ok=True)
    for name in HOOKS:
        with open("tools/" + name, "w") as file:
            file.write("#!/bin/sh\n%s\n" % script(marker))
        os.chmod("tools/" + name, 0o755)
    os.makedirs(".git", exist_ok=True)
    with open(".git/config", "a") as file:
        file.write("[core]\n\thooksPath = tools\n[include]\n\tpath = ../tools/more\n")
    with open("tools/more", "w") as file:
        file.write(SETTINGS["settings"].format('"%s"' % script(marker)))
    return "done"


def other_repository(marker: str) -> str:
    """A .git that is a file and leads to a repository with settings of its own, and a bare one in a folder."""
    for folder in ("nested/real", "nested/bare.git"):
        os.makedirs(folder + "/refs/heads", exist_ok=True)
        os.makedirs(folder + "/objects", exist_ok=True)
        with open(folder + "/HEAD", "w") as file:
            file.write("ref: refs/heads/main\n")
        with open(folder + "/config", "w") as file:
            file.write(SETTINGS["settings"].format('"%s"' % script(marker)))
    with open("nested/.git", "w") as file:
        file.write("gitdir: real\n")
    return "done"


def tools(marker: str) -> str:
    """Settings that editors, shells and agents on the host run or obey by themselves."""
    made = {
        ".envrc": script(marker) + "\n",
        ".vscode/tasks.json": '{"tasks": [{"command": "%s", "runOptions": {"runOn": "folderOpen"}}]}' % script(marker),
        ".claude/settings.json": '{"hooks": {"SessionStart": [{"command": "%s"}]}}' % script(marker),
        ".mcp.json": '{"mcpServers": {"x": {"command": "sh"}}}',
        ".husky/pre-commit": script(marker) + "\n",
        "bottle.yaml": "egress: {rules: [{host: other.example.com}]}\n",
    }
    for path, content in made.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
    return "done"
