"""What a GraphQL request does: the root fields of its mutations. Pure; the text is the bottle's.

Reads just as much of the language (GraphQL specification, October 2021, section 2) as it takes to find them. What it cannot
follow is refused: a fragment at the root of a mutation, or a query that only the server knows (persisted queries).
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.host.plain import plain
from bot_bottle.host.strict_json import KeyTwice, read_strictly

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*"""|"(?:[^"\\\n\r]|\\.)*"|#[^\n\r]*|\.\.\.|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][0-9.eE+-]*|[!$&()\[\]{}:=@|]|[\s,\ufeff]+'
)

MOST_OPERATIONS = 50

SAFE_MUTATIONS = frozenset((
    # GitHub: issues, comments, discussions, labels, reviews, and pull requests short of merging.
    "createissue", "updateissue", "closeissue", "reopenissue", "addcomment", "updateissuecomment", "addlabelstolabelable",
    "removelabelsfromlabelable", "addassigneestoassignable", "removeassigneesfromassignable", "addreaction", "removereaction",
    "createpullrequest", "updatepullrequest", "closepullrequest", "reopenpullrequest", "convertpullrequesttodraft",
    "markpullrequestreadyforreview", "requestreviews", "addpullrequestreviewcomment", "addpullrequestreviewthreadreply",
    "updatepullrequestreviewcomment", "resolvereviewthread", "unresolvereviewthread", "adddiscussioncomment", "creatediscussion",
    "addprojectv2itembyid", "updateprojectv2itemfieldvalue", "linkprojectv2torepository", "minimizecomment",
    # GitLab: likewise.
    "issuesetconfidential", "issuesetduedate", "issuesetassignees", "issuesetlabels", "issuesetweight", "issuesetlocked",
    "discussiontoggleresolve", "awardemojiadd",
    "awardemojiremove", "awardemojitoggle", "mergerequestcreate", "mergerequestupdate", "mergerequestsetlabels",
    "mergerequestsetassignees", "mergerequestsetdraft", "mergerequestsetreviewers", "mergerequestsetmilestone",
    "workitemcreate", "workitemupdate", "todomarkdone", "todocreate",
))  # fmt: skip
"""Mutations that make no commit, merge and approve nothing, and touch no hook, key or secret; in small letters. Comments
on GitLab are not among them: a line like /merge in one is an order that it carries out."""


def operations(content: bytes) -> list[tuple[str, str]]:
    """(`query`, `mutation` or `subscription`, root field) of a request's JSON, one object or a list. Refused when unreadable."""
    try:
        parsed: Any = read_strictly(content.decode())  # Any: JSON
    except KeyTwice:
        raise Refused("The GraphQL request has a key twice.") from None
    except (ValueError, RecursionError):
        raise Refused("The GraphQL request is not JSON.") from None
    found: list[tuple[str, str]] = []
    for one in parsed if isinstance(parsed, list) else (parsed,):
        if not isinstance(one, dict) or not isinstance(one.get("query"), str):
            raise Refused("The GraphQL request has no query of its own.")
        found += root_fields(one["query"])
    return found


def mutations(content: bytes) -> list[str]:
    """The root fields of every mutation in a request's JSON, one object or a list of them. Refused when it cannot be read."""
    return [name for kind, name in operations(content) if kind == "mutation"]


def root_fields(document: str) -> list[tuple[str, str]]:
    """Kind and root field of the operations of one document. `...` stands for a fragment at the root of a query."""
    tokens = list(_tokens(document))
    found: list[tuple[str, str]] = []
    at, count = 0, 0
    while at < len(tokens):
        kind = "query" if tokens[at] == "{" else tokens[at]
        count += 1
        if count > MOST_OPERATIONS:
            raise Refused("The GraphQL request has too many operations.")
        start = at
        while start < len(tokens) and tokens[start] != "{":
            start = _behind(tokens, start) if tokens[start] in {"(", "["} else start + 1
        end = _behind(tokens, start)
        if kind not in {"query", "mutation", "subscription", "fragment"}:
            raise Refused("The GraphQL request holds something that is no operation.")
        if kind != "fragment":
            found += [(kind, name) for name in _fields(tokens[start + 1 : end - 1], spreads=kind != "mutation")]
        at = end
    return found


def _tokens(document: str) -> Iterator[str]:
    at = 0
    while at < len(document):
        match = _TOKEN.match(document, at)
        if match is None:
            raise Refused("The GraphQL request cannot be read.")
        at = match.end()
        token = match.group()
        if not (token.isspace() or token[0] in ",#\ufeff") and token.strip("\ufeff, \t\r\n"):
            yield token


_PAIRS = {"{": "}", "(": ")", "[": "]"}


def _behind(tokens: list[str], at: int) -> int:
    """The place behind what is bracketed from here."""
    waiting: list[str] = []
    while at < len(tokens):
        token = tokens[at]
        if token in _PAIRS:
            waiting.append(_PAIRS[token])
        elif token in _PAIRS.values() and (not waiting or waiting.pop() != token):
            raise Refused("The brackets of the GraphQL request do not match.")
        at += 1
        if not waiting:
            return at
    raise Refused("The brackets of the GraphQL request do not match.")


def _fields(words: list[str], *, spreads: bool) -> Iterator[str]:
    """Field names of one selection set; an alias is not a name. With `spreads` a fragment is `...`, else it is refused."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "...":
            if not spreads:
                raise Refused("A mutation of the GraphQL request begins with a fragment.")
            yield word
            return  # whoever asked for spreads refuses one, whatever follows it
        if word in _PAIRS:
            at = _behind(words, at)
        elif word == "@":
            at += 2
        elif at + 2 < len(words) and words[at + 1] == ":":
            yield words[at + 2]
            at += 3
        else:
            yield word
            at += 1


def unsafe(content: bytes) -> str:
    """The first mutation that is not known to be safe, or nothing. Refused when the request cannot be read."""
    return next((name for name in mutations(content) if name.lower() not in SAFE_MUTATIONS), "")


def outside(content: bytes, allowed: Sequence[str]) -> str:
    """Why this request does more than the rule allows (globs on `KIND.FIELD`), or nothing. Refused when it cannot be read."""
    for kind, name in operations(content):
        if name == "...":
            raise Refused(f"The GraphQL request has a {kind} that begins with a fragment.")
        said = f"{kind}.{name}"
        if not any(fnmatchcase(said, glob) for glob in allowed):
            return f"The GraphQL operation {plain(said, limit=80)} is not allowed; allowed: {', '.join(allowed)}."
    return ""
