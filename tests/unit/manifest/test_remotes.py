"""How addresses of repositories are read."""

import pytest

from bot_bottle.errors import Refused
from bot_bottle.manifest.remotes import parse_remote


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://git.example.com/a/b.git", "https://git.example.com/a/b"),
        ("https://GIT.Example.com.:443/a/b/", "https://git.example.com/a/b"),
        ("https://git.example.com:8443/a/b", "https://git.example.com:8443/a/b"),
        ("ssh://git@git.example.com:22/a/b.git", "ssh://git@git.example.com/a/b"),
        ("git+ssh://git@git.example.com/a/b.git", "ssh://git@git.example.com/a/b"),
        ("git@git.example.com:a/b.git", "ssh://git@git.example.com/a/b"),
        ("git.example.com:a/b", "ssh://git.example.com/a/b"),
        ("git@[2001:db8::1]:a/b", "ssh://git@[2001:db8::1]/a/b"),
        ("https://192.0.2.1/a", "https://192.0.2.1/a"),
        ("git://git.example.com/a/b", "git://git.example.com/a/b"),
        ("ssh://git@git.example.com/~op/b", "ssh://git@git.example.com/~op/b"),
    ],
)
def test_one_spelling_for_each_repository(text: str, url: str) -> None:
    assert parse_remote(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repo",
        "/srv/repo.git",
        "./repo",
        "file:///srv/repo.git",
        "ext::sh -c id",
        "fd::7",
        "https://git.example.com",
        "https://git.example.com/",
        "https://user:word@git.example.com/a",
        "https://git.example.com/a?b",
        "https://git.example.com/a#b",
        "https://git.example.com/a/../b",
        "https://git.example.com/a//b",
        "https://git.example.com/.git",
        "https://git.example.com:0/a",
        "https://git.example.com:99999/a",
        "https://-oProxyCommand=id/a",
        "-oProxyCommand=id:a",
        "ssh://-oProxyCommand=id@host/a",
        "git@host name:a",
        "git@host:a\nb",
        "https://git.example.com/a%2fb",
        "https://ünï.example/a",
    ],
)
def test_what_has_no_single_meaning_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_remote(text)
