"""Ways round the git gate: git itself over https, large files, and API requests of forges that make commits. Pure.

A rule that lets a bottle read a forge must not let it push there unseen. These requests are denied, whatever allows them, unless
the rule that allows them says `git: true`. Paths come here in every reading that a server may have of them.
"""

import re
from collections.abc import Sequence
from functools import cache

from bot_bottle.gates.egress.covers import Request

READS = frozenset(("GET", "HEAD", "OPTIONS"))

GIT = "It is git itself over https"
LFS = "It is Git LFS"
COMMITS = "It changes a repository through a forge's API"

ADVICE = "Code goes in and out through the git remote only: use git clone, fetch and push with the repository's usual address."

_GIT = re.compile(r".*/(?:info/refs|git-upload-pack|git-receive-pack|git-upload-archive)/?", re.IGNORECASE | re.DOTALL)
"""gitprotocol-http(5)."""

_LFS = re.compile(r".*/(?:info/lfs|gitlab-lfs)(?:/.*)?", re.IGNORECASE | re.DOTALL)
"""Git LFS API, server discovery."""

_GITHUB_HOSTS = re.compile(r"api\.github\.com|api\.[a-z0-9-]+\.ghe\.com")

_GITHUB = (
    r"/repos/[^/]+/[^/]+/(?:contents|git|merges|merge-upstream|import|dispatches|releases|generate|rename|transfer)(?:/.*)?",
    r"/repos/[^/]+/[^/]+/pulls/[^/]+/(?:merge|update-branch)",
    r"/repos/[^/]+/[^/]+/branches/.+/(?:rename|protection(?:/.*)?)",
    r"/repos/[^/]+/[^/]+/(?:code-scanning/.*/autofix/commits|actions/workflows/[^/]+/dispatches|pages(?:/.*)?|forks)",
    r"/gists(?:/.*)?",
    r"/(?:user|orgs/[^/]+)/repos",
)
"""GitHub REST API, version 2022-11-28: requests that write git objects or refs, or have the server do it."""

_GITLAB = (
    r"/projects/[^/]+/repository/.*",
    r"/projects/[^/]+/merge_requests/[^/]+/(?:merge|rebase)",
    r"/projects/[^/]+/(?:snippets|wikis|releases|mirror|remote_mirrors|fork|import|export|statuses|trigger|pipeline)(?:/.*)?",
    r"/(?:snippets|projects|suggestions)(?:/(?:import.*|batch_apply|[^/]+/apply|user/.*))?",
    r"/suggestions/.*",
)
"""GitLab REST API v4, likewise. A project is an id or a path with %2F."""

_GITEA = (
    r"/repos/[^/]+/[^/]+/(?:contents|git|diffpatch|branches|tags|releases|merge-upstream|mirror-sync|push_mirrors|wiki|generate|forks)(?:/.*)?",
    r"/repos/[^/]+/[^/]+/(?:push_mirrors-sync|branch_protections(?:/.*)?|transfer(?:/.*)?|avatar|actions/workflows/[^/]+/dispatches)",
    r"/repos/[^/]+/[^/]+/pulls/[^/]+/(?:merge|update)",
    r"/repos/migrate",
    r"/(?:user|orgs/[^/]+|admin/users/[^/]+)/repos",
)
"""Gitea and Forgejo API v1, likewise."""


_WRITES = ((r"/api/v3", _GITHUB), (r"(?:/.+)?/api/v4", _GITLAB), (r"(?:/.+)?/api/v1", _GITEA))


@cache  # compiled by the first request that needs it, not by every start: 2 ms
def _any_of(prefix: str, paths: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"{prefix}(?:{'|'.join(paths)})/?", re.IGNORECASE | re.DOTALL)


def way_round(request: Request, spellings: Sequence[str]) -> str:
    """What way round the git gate this request is, in the beginning of a sentence; nothing when it is none.

    One reading of the path is enough.
    """
    if any(key.strip().lower() == "service" and value.strip().lower().startswith("git-") for key, value in request.query):
        return GIT
    if request.method in READS and is_graphql(request, spellings):
        return COMMITS if any("mutation" in value.lower() for _, value in request.query) else ""
    for path in spellings:
        if "/info/" not in path and "git" not in path.lower() and request.method in READS:
            continue  # nearly every request
        if _GIT.fullmatch(path):
            return GIT
        if _LFS.fullmatch(path):
            return LFS
        if request.method not in READS and _is_write(request.host, path):
            return COMMITS
    return ""


def _is_write(host: str, path: str) -> bool:
    if _GITHUB_HOSTS.fullmatch(host) and _any_of("", _GITHUB).fullmatch(path):
        return True
    return any(_any_of(prefix, paths).fullmatch(path) for prefix, paths in _WRITES)


def is_graphql(request: Request, spellings: Sequence[str]) -> bool:
    """Whether it asks a forge's GraphQL API, whose body alone says what for."""
    if request.method in READS and not request.query:
        return False
    on_github = _GITHUB_HOSTS.fullmatch(request.host) is not None
    bare = [path.rstrip("/").lower() for path in spellings]
    return any(path.endswith("/api/graphql") or (on_github and path == "/graphql") for path in bare)
