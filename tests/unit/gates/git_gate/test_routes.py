"""What a request asks for: a table of spellings that lead to a repository, and of those that lead nowhere."""

import pytest

from bot_bottle.gates.git_gate.http import BadRequest, Head
from bot_bottle.gates.git_gate.routes import Known, find, route, table

ROWS = [
    {"name": "proj", "url": ""},
    {"name": "repo", "url": "https://git.example.com/team/repo.git"},
    {"name": "keys", "url": "git@git.example.com:team/keys.git"},
    {"name": "odd", "url": "https://git.example.com:8443/odd/one"},
]
KNOWN = table(ROWS)


def asked(target: str, method: str = "GET") -> Head:
    return Head(method=method, target=target, headers={"host": "127.0.0.1"})


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/local/proj.git", "proj"),
        ("/local/proj", "proj"),
        ("/https/git.example.com/team/repo.git", "repo"),
        ("/https/git.example.com/team/repo", "repo"),
        ("/https/git.example.com/team/repo.git/", "repo"),
        ("/https/GIT.example.com:443/team/repo", "repo"),
        ("/https/user:word@git.example.com/team/repo", "repo"),
        ("/ssh/git@git.example.com/team/repo.git", "repo"),
        ("/scp/git@git.example.com:team/repo.git", "repo"),
        ("/scp/git.example.com:team/repo.git", "repo"),
        ("/scp/git@git.example.com:team/keys", "keys"),
        ("/https/git.example.com/team/keys.git", "keys"),
        ("/https/git.example.com:8443/odd/one.git", "odd"),
        ("/ssh/git@git.example.com/odd/one.git", "odd"),
    ],
)
def test_every_spelling_finds_its_repository(place: str, name: str) -> None:
    assert find(place, KNOWN).name == name


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/",
        "/local/",
        "/local/repo",
        "/local/../stage/git/proj.git",
        "/local/proj.git/../keys.git",
        "/local/proj%2egit",
        "/proj.git",
        "/https/git.example.com/team/repo.git/..",
        "/https/git.example.com/team//repo",
        "/https/git.example.com/team/./repo",
        "/https/git.example.com/TEAM/repo",
        "/https/git.example.com/team/repository",
        "/https/git.example.com/team/repo.git.git",
        "/https/git.example.com:8443/team/repo",
        "/https/git.example.com/odd/one",
        "/https/git.example.com.evil.example/team/repo",
        "/https/evil.example/git.example.com/team/repo",
        "/https/git.example.com@evil.example/team/repo",
        "/https/git.example.com\\@evil.example/team/repo",
        "/file/etc/passwd",
        "/ext/sh",
        "/ssh/-oProxyCommand=id/team/repo",
        "/scp/-oProxyCommand=id:team/repo",
        "/git/git.example.com/other",
    ],
)
def test_every_other_place_is_refused(place: str) -> None:
    with pytest.raises(BadRequest) as caught:
        find(place, KNOWN)
    assert caught.value.status == 403


def test_a_refusal_says_what_to_ask_for() -> None:
    with pytest.raises(BadRequest, match=r"ask the operator to add it .* \[\{url: https://git.example.com/other/thing.git\}\]"):
        find("/scp/git@git.example.com:other/thing.git", KNOWN)


def test_a_refusal_never_shows_a_password() -> None:
    with pytest.raises(BadRequest) as caught:
        find("/https/user:hunter2@git.example.com/other/thing.git", KNOWN)
    assert "hunter2" not in caught.value.why


def test_a_request_is_about_a_service() -> None:
    found = route(asked("/local/proj.git/info/refs?service=git-upload-pack"), KNOWN)
    assert (found.name, found.action, found.service) == ("proj", "refs", "git-upload-pack")
    found = route(asked("/https/git.example.com/team/repo.git/git-receive-pack", "POST"), KNOWN)
    assert (found.name, found.action, found.service) == ("repo", "rpc", "git-receive-pack")


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/local/proj.git/info/refs", "GET", 403),
        ("/local/proj.git/info/refs?service=git-upload-archive", "GET", 403),
        ("/local/proj.git/info/refs?service=git-upload-pack&x=1", "GET", 403),
        ("/local/proj.git/objects/info/packs", "GET", 403),
        ("/local/proj.git/HEAD", "GET", 404),
        ("/local/proj.git/git-upload-archive", "POST", 404),
        ("/local/proj.git/git-receive-pack", "GET", 405),
        ("/local/proj.git/info/refs?service=git-receive-pack", "POST", 405),
        ("http://bot-bottle.invalid/", "GET", 404),
        ("http://x/local/proj.git/git-upload-pack", "POST", 404),
        ("*", "OPTIONS", 404),
    ],
)
def test_what_is_no_request_of_smart_git_is_refused(target: str, method: str, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        route(asked(target, method), KNOWN)
    assert caught.value.status == status


def test_a_local_repository_is_not_reached_by_a_servers_address() -> None:
    with pytest.raises(BadRequest):
        find("/https/local/proj", (Known(name="proj", remote=None),))
