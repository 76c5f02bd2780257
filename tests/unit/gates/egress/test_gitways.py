"""Ways round the git gate: which requests are refused although a rule allows the host, and which are not."""

import pytest

from bot_bottle.gates.egress.rules import Allowed, Denied, Request, admits_host, compile_rules, decide
from bot_bottle.manifest.spec import Rule

EVERYTHING = Rule(host="**.example.com", where="bottle.yaml:3", ports=())
GITHUB = Rule(host="api.github.com", where="bottle.yaml:4")
POLICY = compile_rules([EVERYTHING, GITHUB])
NAMED = compile_rules([EVERYTHING, Rule(host="**.example.com", where="bottle.yaml:5", ports=(), git=True)])


def ask(method: str, url: str) -> Request:
    host, slash, rest = url.partition("/")
    path, _, query = (slash + rest).partition("?")
    pairs = tuple((pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&") if pair)
    return Request(scheme="https", host=host, port=443, method=method, path=path, query=pairs, content_length=0)


GIT = [
    ("GET", "git.example.com/team/repo.git/info/refs?service=git-upload-pack"),
    ("GET", "git.example.com/team/repo/info/refs?service=git-receive-pack"),
    ("GET", "git.example.com/team/repo/info/refs"),
    ("HEAD", "git.example.com/team/repo/info/refs"),
    ("GET", "git.example.com/any/where?service=git-receive-pack"),
    ("GET", "git.example.com/any/where?SERVICE=Git-Receive-Pack"),
    ("POST", "git.example.com/team/repo.git/git-upload-pack"),
    ("POST", "git.example.com/team/repo.git/git-receive-pack"),
    ("POST", "git.example.com/team/repo.git/git-receive-pack/"),
    ("POST", "git.example.com/team/repo.git/GIT-RECEIVE-PACK"),
    ("POST", "git.example.com/team/repo.git%2Fgit-receive-pack"),
    ("POST", "git.example.com/team/repo.git//git-receive-pack"),
    ("POST", "git.example.com/team/repo.git/git-upload-archive"),
]

LFS = [
    ("POST", "git.example.com/team/repo.git/info/lfs/objects/batch"),
    ("PUT", "git.example.com/team/repo.git/info/lfs/objects/" + "a" * 64),
    ("PUT", "git.example.com/team/repo.git/gitlab-lfs/objects/" + "a" * 64 + "/12"),
    ("POST", "git.example.com/team/repo.git/info/lfs/locks"),
]

WRITES = [
    ("PUT", "api.github.com/repos/o/r/contents/src/a.py"),
    ("DELETE", "api.github.com/repos/o/r/contents/src/a.py"),
    ("POST", "api.github.com/repos/o/r/git/blobs"),
    ("POST", "api.github.com/repos/o/r/git/trees"),
    ("POST", "api.github.com/repos/o/r/git/commits"),
    ("POST", "api.github.com/repos/o/r/git/refs"),
    ("PATCH", "api.github.com/repos/o/r/git/refs/heads/main"),
    ("DELETE", "api.github.com/repos/o/r/git/refs/heads/main"),
    ("POST", "api.github.com/repos/o/r/git/tags"),
    ("POST", "api.github.com/repos/o/r/merges"),
    ("POST", "api.github.com/repos/o/r/merge-upstream"),
    ("PUT", "api.github.com/repos/o/r/pulls/7/merge"),
    ("PUT", "api.github.com/repos/o/r/pulls/7/update-branch"),
    ("POST", "api.github.com/repos/o/r/branches/main/rename"),
    ("POST", "api.github.com/repos/o/r/releases"),
    ("POST", "api.github.com/repos/o/r/dispatches"),
    ("POST", "api.github.com/repos/o/r/forks"),
    ("POST", "api.github.com/gists"),
    ("PATCH", "api.github.com/gists/abc"),
    ("POST", "api.github.com/user/repos"),
    ("PUT", "api.github.com/repos/o/r//contents/src/a.py"),
    ("PUT", "api.github.com/repos/o/r/contents%2Fsrc"),
    ("PUT", "api.github.com/Repos/o/r/Contents/a"),
    ("PUT", "ghe.example.com/api/v3/repos/o/r/contents/a"),
    ("POST", "gitlab.example.com/api/v4/projects/7/repository/commits"),
    ("POST", "gitlab.example.com/api/v4/projects/team%2Frepo/repository/commits"),
    ("POST", "gitlab.example.com/api/v4/projects/7/repository/files/a.py"),
    ("PUT", "gitlab.example.com/api/v4/projects/7/repository/files/src%2Fa.py"),
    ("DELETE", "gitlab.example.com/api/v4/projects/7/repository/files/a.py"),
    ("POST", "gitlab.example.com/api/v4/projects/7/repository/branches?branch=x&ref=main"),
    ("POST", "gitlab.example.com/api/v4/projects/7/repository/tags"),
    ("POST", "gitlab.example.com/api/v4/projects/7/repository/commits/abc/cherry_pick"),
    ("PUT", "gitlab.example.com/api/v4/projects/7/repository/submodules/lib"),
    ("PUT", "gitlab.example.com/api/v4/projects/7/merge_requests/3/merge"),
    ("PUT", "gitlab.example.com/api/v4/projects/7/merge_requests/3/rebase"),
    ("PUT", "gitlab.example.com/api/v4/suggestions/5/apply"),
    ("POST", "gitlab.example.com/api/v4/projects/7/snippets"),
    ("POST", "gitlab.example.com/api/v4/projects"),
    ("POST", "www.example.com/gitlab/api/v4/projects/7/repository/commits"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/contents/a.py"),
    ("PUT", "gitea.example.com/api/v1/repos/o/r/contents/a.py"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/contents"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/diffpatch"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/branches"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/tags"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/pulls/3/merge"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/pulls/3/update"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/mirror-sync"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/wiki/new"),
    ("POST", "gitea.example.com/api/v1/repos/migrate"),
    ("GET", "api.github.com/graphql?query=mutation%20{x}"),
]

HARMLESS = [
    ("GET", "git.example.com/team/repo"),
    ("GET", "git.example.com/team/repo/info/attributes"),
    ("GET", "git.example.com/docs/git-receive-pack.html"),
    ("GET", "git.example.com/search?service=git"),
    ("POST", "git.example.com/v1/messages"),
    ("GET", "api.github.com/repos/o/r/contents/src/a.py"),
    ("GET", "api.github.com/repos/o/r/git/trees/main"),
    ("GET", "api.github.com/repos/o/r/pulls/7/merge"),
    ("POST", "api.github.com/repos/o/r/issues"),
    ("POST", "api.github.com/repos/o/r/pulls"),
    ("PATCH", "api.github.com/repos/o/r/pulls/7"),
    ("POST", "api.github.com/repos/o/r/issues/7/comments"),
    ("POST", "api.github.com/graphql"),
    ("GET", "gitlab.example.com/api/v4/projects/7/repository/commits"),
    ("GET", "gitlab.example.com/api/v4/projects/7/repository/files/a.py"),
    ("POST", "gitlab.example.com/api/v4/projects/7/issues"),
    ("POST", "gitlab.example.com/api/v4/projects/7/merge_requests"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/issues"),
    ("POST", "gitea.example.com/api/v1/repos/o/r/pulls"),
    ("PUT", "shop.example.com/repos/o/r/contents/a"),
    ("POST", "shop.example.com/api/v1/orders"),
]


@pytest.mark.parametrize(("method", "url"), [*GIT, *LFS, *WRITES])
def test_a_way_round_is_denied_and_the_denial_says_where_to_go(method: str, url: str) -> None:
    verdict = decide(ask(method, url), POLICY)
    assert isinstance(verdict, Denied)
    assert "git remote" in verdict.why
    assert "bottle.yaml:" in verdict.why


@pytest.mark.parametrize(("method", "url"), HARMLESS)
def test_other_requests_pass(method: str, url: str) -> None:
    assert isinstance(decide(ask(method, url), POLICY), Allowed)


@pytest.mark.parametrize(("method", "url"), [row for row in (*GIT, *LFS, *WRITES) if "example.com" in row[1]])
def test_a_rule_that_names_git_lets_it_through(method: str, url: str) -> None:
    verdict = decide(ask(method, url), NAMED)
    assert isinstance(verdict, Allowed)
    assert verdict.rule.git


def test_without_a_rule_for_the_host_the_denial_is_about_the_host() -> None:
    verdict = decide(ask("POST", "elsewhere.test/r.git/git-receive-pack"), POLICY)
    assert isinstance(verdict, Denied)
    assert "no rule allows this host" in verdict.why


def test_a_tunnel_for_ssh_is_denied_with_the_way_to_go() -> None:
    verdict = admits_host("api.github.org", 22, POLICY)
    assert isinstance(verdict, Denied)
    assert "SSH does not leave a bottle" in verdict.why
    assert "git remote" in verdict.why
