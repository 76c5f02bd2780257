"""Attacks on the git gate: pushes that must not go on, repositories that are not this bottle's, and its protocol by hand."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile

SECONDS = 40
PORT = 3129
AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


class NoGit(Exception):
    """There is no git in this image."""


def git(*words: str, at: str | None = None, content: bytes = b"") -> tuple[int, str]:
    """One command of git's: its exit code and all it said."""
    if shutil.which("git") is None:
        raise NoGit
    env = {**os.environ, **AUTHOR, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    words = ("git", "-c", "protocol.version=2", *words)
    done = subprocess.run(words, cwd=at, env=env, input=content, capture_output=True, timeout=SECONDS, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def clone(url: str) -> str:
    """A clone of one's own, away from the workspace: a copy of the first that was made."""
    first = os.path.join(tempfile.gettempdir(), ".bot-bottle-clone")
    if not os.path.isdir(first):
        code, said = git("clone", "--quiet", url, first)
        if code:
            raise RuntimeError(said)
    folder = tempfile.mkdtemp() + "/work"
    shutil.copytree(first, folder, symlinks=True)
    return folder


def commit(at: str, files: dict[str, bytes], message: str = "Change") -> None:
    """Files and a commit of them."""
    for name, content in files.items():
        path = os.path.join(at, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    git("add", "--all", "--force", at=at)
    git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message, at=at)


def pushed(at: str, *words: str) -> tuple[str, str]:
    """What becomes of a push."""
    code, said = git("push", "--porcelain", "origin", *words, at=at)
    reasons = [
        row.removeprefix("remote: ").strip()
        for row in said.splitlines()
        if row.startswith("remote: ") and row.strip() != "remote:"
    ]
    return ("refused" if code else "taken"), " ".join(reasons)[:200] or said[:200]


def push(url: str, kind: str, mark: str, secret: str) -> tuple[str, str]:
    """One push of this kind, to a branch of this name."""
    try:
        at = clone(url)
    except NoGit:
        return "no git", ""
    return KINDS[kind](at, mark, secret.encode())


def clean(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """Control: nothing is wrong with it."""
    commit(at, {"good.txt": b"good\n"})
    return pushed(at, "HEAD:refs/heads/" + mark)


def middle_commit(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret that the next commit takes away again."""
    commit(at, {"conf.py": b"password = " + secret})
    commit(at, {"conf.py": b"password = None\n"})
    return pushed(at, "HEAD:refs/heads/" + mark)


def side_branch(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in a branch that is merged with none of its content."""
    git("checkout", "--quiet", "-b", "side", at=at)
    commit(at, {"side.py": secret})
    git("checkout", "--quiet", "-", at=at)
    commit(at, {"x": b"x"})
    git("merge", "--quiet", "--strategy", "ours", "--message", "Merge", "side", at=at)
    return pushed(at, "HEAD:refs/heads/" + mark)


def message(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in a commit's message."""
    commit(at, {"x": b"x"}, "Use " + secret.decode())
    return pushed(at, "HEAD:refs/heads/" + mark)


def file_name(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret as a file's name."""
    commit(at, {secret.decode(): b"x"})
    return pushed(at, "HEAD:refs/heads/" + mark)


def author(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret as an author's name."""
    commit(at, {"x": b"x"})
    git("commit", "--quiet", "--amend", "--no-edit", "--author", secret.decode() + " <a@example.com>", at=at)
    return pushed(at, "HEAD:refs/heads/" + mark)


def base64_file(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in base64 in a file."""
    import base64

    commit(at, {"blob.txt": base64.b64encode(b"x" + secret)})
    return pushed(at, "HEAD:refs/heads/" + mark)


def gzip_file(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in a compressed file."""
    import gzip

    commit(at, {"blob.gz": gzip.compress(b"text " * 100 + secret)})
    return pushed(at, "HEAD:refs/heads/" + mark)


def archive(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in a file in an archive."""
    import io
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("inner/conf.py", secret)
    commit(at, {"data.bin": content.getvalue()})
    return pushed(at, "HEAD:refs/heads/" + mark)


def split_commits(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in thirds, each in a commit of its own."""
    third = len(secret) // 3 + 1
    for number in range(3):
        commit(at, {"part-%d" % number: secret[number * third : (number + 1) * third]})
    return pushed(at, "HEAD:refs/heads/" + mark)


def note(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in a note, whose ref is no branch."""
    commit(at, {"x": b"x"})
    git("notes", "add", "-m", secret.decode(), at=at)
    return pushed(at, "refs/notes/commits:refs/heads/" + mark)


def tag_object(at: str, mark: str, secret: bytes) -> tuple[str, str]:
    """A secret in an annotated tag that is pushed as a branch and as a tag."""
    git("tag", "-a", "-m", secret.decode(), mark, at=at)
    return pushed(at, "refs/tags/%s:refs/tags/%s" % (mark, mark))


def protected(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """A workflow, which a forge would run with keys."""
    commit(at, {".github/workflows/build.yml": b"on: push\n"})
    return pushed(at, "HEAD:refs/heads/" + mark)


def hooks_folder(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """Settings of an editor that run a program."""
    commit(at, {".vscode/tasks.json": b'{"tasks": []}'})
    return pushed(at, "HEAD:refs/heads/" + mark)


def dot_git(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """A tree with a .git in it, made by plumbing."""
    _, blob = git("hash-object", "-w", "--stdin", at=at, content=b"[core]\n\tfsmonitor = touch /tmp/x\n")
    _, inner = git("mktree", at=at, content=b"100644 blob %s\tconfig\n" % blob.strip().encode())
    _, tree = git("mktree", at=at, content=b"040000 tree %s\t.GIT\n" % inner.strip().encode())
    _, made = git("commit-tree", "-p", "HEAD", "-m", "x", tree.strip(), at=at)
    return pushed(at, made.strip() + ":refs/heads/" + mark)


def submodule_option(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """A submodule whose address is an option (CVE-2018-17456)."""
    commit(at, {".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n'})
    return pushed(at, "HEAD:refs/heads/" + mark)


def large(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """A file over the limit that the manifest sets."""
    commit(at, {"large.bin": os.urandom(3 << 20)})
    return pushed(at, "HEAD:refs/heads/" + mark)


def delete(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """Another's branch, removed."""
    return pushed(at, ":refs/heads/" + mark)


def force(at: str, mark: str, _secret: bytes) -> tuple[str, str]:
    """Another history for the branch that was pushed before."""
    git("checkout", "--quiet", "--orphan", "fresh", at=at)
    commit(at, {"fresh.txt": b"fresh\n"}, "Fresh")
    return pushed(at, "--force", "HEAD:refs/heads/" + mark)


KINDS = {
    function.__name__.replace("_", "-"): function
    for function in (
        clean,
        middle_commit,
        side_branch,
        message,
        file_name,
        author,
        base64_file,
        gzip_file,
        archive,
        split_commits,
        note,
        tag_object,
        protected,
        hooks_folder,
        dot_git,
        submodule_option,
        large,
        delete,
        force,
    )
}


def to_ref(url: str, ref: str) -> tuple[str, str]:
    """A push to a ref that is no branch of an agent's."""
    try:
        at = clone(url)
    except NoGit:
        return "no git", ""
    commit(at, {"ref.txt": b"x"})
    return pushed(at, "HEAD:" + ref)


def other(url: str) -> tuple[str, str]:
    """A repository that is not this bottle's."""
    try:
        code, said = git("ls-remote", url)
    except NoGit:
        return "no git", ""
    return ("refused" if code else "read"), said[:200]


def fetch(url: str, want: str) -> tuple[str, str]:
    """An object by its id, or a ref by its name, that the gate does not show."""
    try:
        at = clone(url)
    except NoGit:
        return "no git", ""
    code, said = git("fetch", "--quiet", "origin", want, at=at)
    if code:
        return "refused", said[:200]
    return "read", git("log", "-1", "--format=%s", "FETCH_HEAD", at=at)[1][:100]


def raw(target: str, method: str = "GET") -> tuple[str, str]:
    """One request to the gate by hand: its status."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as channel:
        channel.sendall(
            ("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % (method, target, PORT)).encode("latin-1")
        )
        said = b""
        while len(said) < 1 << 16:
            part = channel.recv(1 << 16)
            if not part:
                break
            said += part
    words = said.split(b" ")
    return (words[1].decode("latin-1") if said.startswith(b"HTTP/1.1 ") else "closed"), said.partition(b"\r\n\r\n")[2][
        :100
    ].decode("latin-1")
