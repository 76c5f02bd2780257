"""Forges: read code, issues and pull requests, open and edit them; no merge, no approval, no hook, key or secret.

The host and the token come from the forge's own command line (gh, glab) and its variables. Code itself goes through the git gate.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home
from bot_bottle.host.run import Run
from bot_bottle.manifest.names import canonical_host
from bot_bottle.manifest.spec import Rule

READ = ("GET", "HEAD")
BEARER = "Bearer {value}"


class Forge(Tool):
    """What both forges share. `tokens` are variables that hold one, the first that is set counts."""

    tokens: tuple[str, ...]
    host_variable: str
    default_host: str

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON with the forge's host and the token, which is empty where nobody is logged in."""
        named = host.get(self.host_variable) or self.default_host
        try:
            name = canonical_host(named.removeprefix("https://").strip("/"))
        except BottleError as error:
            raise CannotRunHere(f"{self.host_variable} is no host name.", facts=(error.what,)) from None
        token = next((host[one] for one in self.tokens if host.get(one)), "")
        said = token or ask(self.token_command(name), host=host, run=run, variables=self.variables) or ""
        return json.dumps({"host": name, "token": said.strip()})

    @abstractmethod
    def token_command(self, name: str) -> tuple[str, ...]:
        """Prints the token for this host."""

    def read(self, answer: str) -> Settings:
        """One place: the API of the forge."""
        said: Any = json.loads(answer)  # Any: JSON
        host, path = self.api(said["host"])
        one = Registry(scheme="https", host=host, port=443, path=path, says=said["host"], secret=said["token"], format=BEARER)
        return Settings(registries=(one,))

    @abstractmethod
    def api(self, name: str) -> tuple[str, str]:
        """Host and path of the API of the forge at this host."""

    @property
    def credential_methods(self) -> tuple[str, ...]:
        """The token is set on every request that the rules allow."""
        return ()


def _rules(
    one: Registry, where: str, rows: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], denied: Sequence[str]
) -> tuple[Rule, ...]:
    allows = [Rule(host=one.host, where=where, methods=methods, paths=paths, websocket=False) for methods, paths in rows]
    return (Rule(host=one.host, where=where, paths=tuple(denied), deny=True), *allows)


class Github(Forge):
    """github.com, an enterprise's own subdomain of ghe.com, or a server of one's own (GH_HOST)."""

    name = "github"
    variables = ("GH_", "GITHUB_")
    tokens = ("GH_TOKEN", "GITHUB_TOKEN")
    host_variable = "GH_HOST"
    default_host = "github.com"

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """Where gh keeps its hosts."""
        config = Path(host.get("GH_CONFIG_DIR") or Path(host.get("XDG_CONFIG_HOME") or home(host, ".config")) / "gh")
        return (config / "hosts.yml",)

    def token_command(self, name: str) -> tuple[str, ...]:
        """gh's own."""
        return ("gh", "auth", "token", "--hostname", name)

    def api(self, name: str) -> tuple[str, str]:
        """A host of its own at GitHub's, a path on a server of one's own."""
        return (f"api.{name}", "") if name == "github.com" or name.endswith(".ghe.com") else (name, "/api/v3")

    def rules(self, one: Registry, where: str) -> tuple[Rule, ...]:
        """GitHub REST API, version 2022-11-28, and GraphQL, of which the gate lets safe mutations through."""
        p, repo = one.path, f"{one.path}/repos/*/*"
        issue, pull = f"{repo}/issues/*", f"{repo}/pulls/*"
        rows = (
            (
                READ,
                (f"{p}/repos/**", f"{p}/user", f"{p}/users/**", f"{p}/search/**", f"{p}/rate_limit", f"{p}/meta", f"{p}/orgs/*"),
            ),
            (("POST",), (f"{repo}/issues", f"{issue}/comments", f"{issue}/labels", f"{issue}/assignees", f"{repo}/pulls")),
            (("POST",), (f"{pull}/comments", f"{pull}/comments/*/replies", f"{pull}/requested_reviewers")),
            (("PATCH",), (issue, pull, f"{repo}/issues/comments/*", f"{pull.removesuffix('/*')}/comments/*")),
            (("PUT", "DELETE"), (f"{issue}/labels", f"{issue}/labels/*")),
            (("POST",), ("/graphql" if not p else "/api/graphql",)),
        )
        closed = (
            "hooks",
            "keys",
            "actions/secrets",
            "actions/variables",
            "dependabot/secrets",
            "codespaces/secrets",
            "autolinks",
        )
        denied = [f"{repo}/{place}/**" for place in closed]
        denied += [f"{repo}/environments/*/secrets/**", f"{repo}/actions/runners/**", f"{pull}/merge", f"{pull}/reviews/*/events"]
        return _rules(one, where, rows, denied)


class Gitlab(Forge):
    """gitlab.com, or a server of one's own (GITLAB_HOST)."""

    name = "gitlab"
    variables = ("GITLAB_", "GLAB_", "GL_")
    tokens = ("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN")
    host_variable = "GITLAB_HOST"
    default_host = "gitlab.com"

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """Where glab keeps its hosts."""
        config = Path(host.get("GLAB_CONFIG_DIR") or Path(host.get("XDG_CONFIG_HOME") or home(host, ".config")) / "glab-cli")
        return (config / "config.yml",)

    def token_command(self, name: str) -> tuple[str, ...]:
        """glab's own."""
        return ("glab", "config", "get", "token", "--host", name)

    def api(self, name: str) -> tuple[str, str]:
        """A path on the host itself."""
        return name, "/api/v4"

    def rules(self, one: Registry, where: str) -> tuple[Rule, ...]:
        """GitLab REST API v4. Comments are left out: a line like /merge in one is an order that GitLab carries out."""
        p, project = one.path, f"{one.path}/projects/*"
        rows = (
            (READ, (project, f"{project}/**", f"{p}/user", f"{p}/users/**", f"{p}/search", f"{p}/groups/*", f"{p}/version")),
            (("POST",), (f"{project}/issues", f"{project}/merge_requests")),
            (("PUT",), (f"{project}/issues/*", f"{project}/merge_requests/*")),
        )
        closed = (
            "hooks", "variables", "deploy_keys", "deploy_tokens", "access_tokens", "triggers", "runners", "secure_files",
            "export", "job_token_scope", "integrations", "services", "remote_mirrors",
        )  # fmt: skip
        denied = [f"{project}/{place}/**" for place in closed] + [f"{project}/merge_requests/*/merge", f"{p}/users/*/keys/**"]
        return _rules(one, where, rows, denied)
