"""The presets github and gitlab: what they let through, what they keep closed, and where the token comes from."""

import json

import pytest

from bot_bottle.gates.egress.rules import Allowed, Denied, Request, compile_rules, decide
from bot_bottle.gates.egress.tools.forges import Forge, Github, Gitlab
from bot_bottle.gates.egress.tools.registry import result
from bot_bottle.host.run import Command, CouldNotRun, Finished


def rules_of(tool: Forge, host: str) -> list[tuple[str, str]]:
    settings = tool.read(json.dumps({"host": host, "token": "secret-token"}))
    return [(settings.registries[0].host, settings.registries[0].path)]


def verdict(tool: Forge, host: str, method: str, path: str) -> bool:
    settings = tool.read(json.dumps({"host": host, "token": ""}))
    made = result(tool.name, settings)
    api = settings.registries[0]
    asked = Request(scheme="https", host=api.host, port=443, method=method, path=path, content_length=0)
    answer = decide(asked, compile_rules(made.rules))
    assert isinstance(answer, Allowed | Denied)
    return isinstance(answer, Allowed)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/repos/o/r/issues", True),
        ("GET", "/repos/o/r/issues/7/comments", True),
        ("GET", "/repos/o/r/contents/a.py", True),
        ("GET", "/repos/o/r/pulls/7/files", True),
        ("GET", "/user", True),
        ("POST", "/repos/o/r/issues", True),
        ("PATCH", "/repos/o/r/issues/7", True),
        ("POST", "/repos/o/r/issues/7/comments", True),
        ("POST", "/repos/o/r/pulls", True),
        ("PATCH", "/repos/o/r/pulls/7", True),
        ("POST", "/repos/o/r/pulls/7/comments", True),
        ("POST", "/graphql", True),
        ("PUT", "/repos/o/r/pulls/7/merge", False),
        ("POST", "/repos/o/r/pulls/7/reviews", False),
        ("POST", "/repos/o/r/pulls/7/reviews/1/events", False),
        ("PUT", "/repos/o/r/contents/a.py", False),
        ("POST", "/repos/o/r/git/refs", False),
        ("GET", "/repos/o/r/hooks", False),
        ("POST", "/repos/o/r/hooks", False),
        ("GET", "/repos/o/r/hooks/1/config", False),
        ("GET", "/repos/o/r/keys", False),
        ("POST", "/repos/o/r/keys", False),
        ("GET", "/repos/o/r/actions/secrets", False),
        ("PUT", "/repos/o/r/actions/secrets/TOKEN", False),
        ("GET", "/repos/o/r/environments/prod/secrets", False),
        ("PUT", "/repos/o/r/collaborators/eve", False),
        ("PATCH", "/repos/o/r", False),
        ("DELETE", "/repos/o/r", False),
        ("POST", "/repos/o/r/actions/workflows/ci.yml/dispatches", False),
        ("PUT", "/repos/o/r/branches/main/protection", False),
        ("POST", "/user/keys", False),
        ("GET", "/user/keys", False),
        ("POST", "/gists", False),
        ("POST", "/orgs/o/hooks", False),
        ("GET", "/applications", False),
    ],
)
def test_github_reads_and_opens_and_does_no_more(method: str, path: str, allowed: bool) -> None:
    assert verdict(Github(), "github.com", method, path) is allowed
    on_a_server = "/api/graphql" if path == "/graphql" else f"/api/v3{path}"
    assert verdict(Github(), "ghe.example.com", method, on_a_server) is allowed


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v4/projects/7/issues", True),
        ("GET", "/api/v4/projects/team%2Frepo/issues", True),
        ("GET", "/api/v4/projects/7/repository/files/a.py/raw", True),
        ("POST", "/api/v4/projects/7/issues", True),
        ("PUT", "/api/v4/projects/7/issues/3", True),
        ("POST", "/api/v4/projects/7/merge_requests", True),
        ("PUT", "/api/v4/projects/7/merge_requests/3", True),
        ("PUT", "/api/v4/projects/7/merge_requests/3/merge", False),
        ("POST", "/api/v4/projects/7/merge_requests/3/approve", False),
        ("POST", "/api/v4/projects/7/merge_requests/3/notes", False),
        ("POST", "/api/v4/projects/7/repository/commits", False),
        ("GET", "/api/v4/projects/7/hooks", False),
        ("POST", "/api/v4/projects/7/hooks", False),
        ("GET", "/api/v4/projects/7/variables", False),
        ("GET", "/api/v4/projects/7/deploy_keys", False),
        ("POST", "/api/v4/projects/7/access_tokens", False),
        ("GET", "/api/v4/users/1/keys", False),
        ("POST", "/api/v4/user/keys", False),
        ("POST", "/api/v4/projects", False),
        ("DELETE", "/api/v4/projects/7", False),
    ],
)
def test_gitlab_reads_and_opens_and_does_no_more(method: str, path: str, allowed: bool) -> None:
    assert verdict(Gitlab(), "gitlab.com", method, path) is allowed


@pytest.mark.parametrize(
    ("tool", "host", "api"),
    [
        (Github(), "github.com", ("api.github.com", "")),
        (Github(), "corp.ghe.com", ("api.corp.ghe.com", "")),
        (Github(), "git.example.com", ("git.example.com", "/api/v3")),
        (Gitlab(), "gitlab.com", ("gitlab.com", "/api/v4")),
    ],
)
def test_the_api_is_where_the_forge_has_it(tool: Forge, host: str, api: tuple[str, str]) -> None:
    assert rules_of(tool, host) == [api]


def test_the_token_is_set_by_the_gate_and_stored_nowhere() -> None:
    settings = Github().read(json.dumps({"host": "github.com", "token": "secret-token"}))
    made = result("github", settings)
    (credential,) = made.credentials
    assert credential.to[0].format == "Bearer {value}"
    assert credential.to[0].methods == ()
    assert settings.has_secret
    assert "secret-token" not in repr(made) + repr(settings)


def test_a_variable_comes_before_the_command_line_tool_and_nobody_need_be_logged_in() -> None:
    asked: list[tuple[str, ...]] = []

    def gh(command: Command) -> Finished:
        asked.append(command.argv)
        return Finished(code=0, stdout=b"from-gh\n", stderr=b"")

    def nothing(command: Command) -> Finished:
        raise CouldNotRun("gh is not installed.")

    assert json.loads(Github().ask({"GITHUB_TOKEN": "from-env"}, gh)) == {"host": "github.com", "token": "from-env"}
    assert asked == []
    assert json.loads(Github().ask({"GH_HOST": "git.example.com"}, gh)) == {"host": "git.example.com", "token": "from-gh"}
    assert asked == [("gh", "auth", "token", "--hostname", "git.example.com")]
    assert json.loads(Gitlab().ask({}, nothing)) == {"host": "gitlab.com", "token": ""}
