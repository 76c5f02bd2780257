"""Text that would take over the operator's terminal, put where commands of the host show it: names, contents, requests, reasons."""

from __future__ import annotations

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x9b31m\u202e\u2066\u200b\r\x08\x7f"


def nothing() -> str:
    """The agent has printed it already."""
    return "done"


def file_name(mark: str) -> str:
    """A file with such a name, a line end in it too, and one whose name is no text at all."""
    for name in ((mark + HOSTILE.replace("/", "") + "\nx").encode(), mark.encode() + b"\xff\xfe"):
        with open(name, "wb") as file:
            file.write(b"x\n")
    return "done"


def file_content(mark: str) -> str:
    """A file with such content."""
    with open(mark, "w", encoding="utf-8", newline="") as file:
        file.write(mark + HOSTILE + "\n")
    return "done"


def request(host: str, mark: str) -> str:
    """Requests with it in the path and in a name, which are denied and written down."""
    from bot_bottle.attacks.inside import web

    raw = "".join("%%%02x" % byte for byte in HOSTILE.encode())
    web.in_tunnel(host, "GET /%s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (mark, raw, host))
    web.to_proxy(
        "GET http://%s.example.com/ HTTP/1.1\r\nHost: %s%s.example.com\r\n\r\n" % (mark, mark, HOSTILE.encode().decode("latin-1"))
    )
    web.to_proxy("GET http://%s.example.com/ HTTP/1.1\r\nHost: %s.example.com\r\n\r\n" % (mark, mark))
    return "done"


def ask(mark: str) -> str:
    """A request for permission with it in the reason."""
    from bot_bottle.attacks.inside import supervise

    return supervise.state_of(supervise.call("request_permission", host="shown.example.com", reason=mark + HOSTILE)[1])


def commit(mark: str) -> tuple[str, str]:
    """A commit with it in the message, the author's name and a file's name, pushed."""
    from bot_bottle.attacks.inside import git

    try:
        git.git("checkout", "--quiet", "-b", "shown")
    except git.NoGit:
        return "no git", ""
    git.commit(".", {(mark + "\x1b[2J\u202e").replace("/", ""): b"x"}, mark + HOSTILE)
    git.git("commit", "--quiet", "--amend", "--no-edit", "--author", "A\x1b[2J\u202e <a@example.com>")
    return git.pushed(".", "HEAD")[0], ""


def protected_push(url: str, mark: str) -> tuple[str, str]:
    """A push that is held, of a file with such a name."""
    from bot_bottle.attacks.inside import git

    try:
        at = git.clone(url)
    except git.NoGit:
        return "no git", ""
    git.commit(at, {".github/workflows/%s\x1b[2J\u202e.yml" % mark: b"on: push\n"}, mark + HOSTILE)
    return git.pushed(at, "HEAD:refs/heads/" + mark)
