"""Search for secrets of the operator's wherever a program inside can look. It knows their beginnings, lengths and digests alone."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import Any, Iterator

FILE_LIMIT = 1 << 20
CHUNK = 1 << 22


def finds(content: bytes, sought: list[dict[str, Any]]) -> Iterator[str]:
    """Names of the secrets that the content holds."""
    for one in sought:
        start = one["start"].encode()
        at = content.find(start)
        while at >= 0:
            if hashlib.sha256(content[at : at + one["length"]]).hexdigest() == one["digest"]:
                yield one["name"]
                break
            at = content.find(start, at + 1)


def told(found: list[str]) -> tuple[str, str]:
    """The outcome, and where."""
    return ("found" if found else "nothing"), " ".join(found[:6])


def environment(sought: list[dict[str, Any]]) -> tuple[str, str]:
    """Our own environment."""
    return told(
        [
            name
            for key, value in os.environ.items()
            for name in finds((key + "=" + value).encode(errors="surrogateescape"), sought)
        ]
    )


def read(path: str, limit: int = FILE_LIMIT) -> bytes:
    """As much of a regular file as can be had."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError:
        return b""


def files(tops: list[str], seconds: float, sought: list[dict[str, Any]]) -> tuple[str, str]:
    """Every file below these folders."""
    end, found = time.monotonic() + seconds, []
    for top in tops:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found += [one + " in " + path for one in finds(read(path), sought)]
            if time.monotonic() > end:
                return ("too many files", folder) if not found else told(found)
    return told(found)


def processes(sought: list[dict[str, Any]]) -> tuple[str, str]:
    """Arguments and environments of every process that is seen."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("environ", "cmdline"):
            found += ["%s in %s of %s" % (one, name, pid) for one in finds(read("/proc/%s/%s" % (pid, name)), sought)]
    return told(found)


def memory(sought: list[dict[str, Any]]) -> tuple[str, str]:
    """Memory of every process that lets us."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as content:
                for row in maps:
                    found += ["%s in %s" % (one, pid) for one in finds(area(content, row), sought)]
        except OSError:
            continue
    return told(found)


def area(content: Any, row: str) -> bytes:
    """One area of a process' memory, as far as it can be read."""
    low, high = (int(end, 16) for end in row.split(maxsplit=1)[0].split("-"))
    if "r" not in row.split()[1] or high - low > CHUNK * 16:
        return b""
    try:
        content.seek(low)
        said: bytes = content.read(high - low)
    except (OSError, ValueError, OverflowError):
        return b""
    return said


def answers(host: str, sought: list[dict[str, Any]]) -> tuple[str, str]:
    """What the gates answer, and a server that shows what it was sent."""
    from bot_bottle.attacks.inside import web

    found = []
    for target in ("/open/echo/credential", "/open/none", "/elsewhere"):
        with web.tunnel(host) as channel, web.context().wrap_socket(channel, server_hostname=host) as secured:
            web.send(secured, ("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (target, host)).encode())
            found += [one + " in the answer to " + target for one in finds(web.answer_of(secured)[1], sought)]
    return told(found)


def supervise_answers(sought: list[dict[str, Any]]) -> tuple[str, str]:
    """What the supervise gate tells of policy and denials."""
    from bot_bottle.attacks.inside import supervise

    said = [str(supervise.call(tool)[1]) for tool in ("current_policy", "list_denials")]
    return told([one for text in said for one in finds(text.encode(), sought)])


def private_keys(tops: list[str]) -> tuple[str, str]:
    """Keys of the bottle's authority, or anybody's."""
    found = []
    for top in tops:
        for folder, _, names in os.walk(top):
            paths = (os.path.join(folder, name) for name in names)
            found += [path for path in paths if b"PRIVATE KEY" + b"-----" in read(path)]
    return told(found)


def git_settings(sought: list[dict[str, Any]]) -> tuple[str, str]:
    """What git knows: helpers, addresses with passwords, extra headers."""
    from bot_bottle.attacks.inside import git

    try:
        _, said = git.git("config", "--list", "--show-origin")
    except git.NoGit:
        return "no git", ""
    odd = [row for row in said.splitlines() if "extraheader" in row.lower() or "credential.helper" in row.lower()]
    return told(odd + list(finds(said.encode(), sought)))
