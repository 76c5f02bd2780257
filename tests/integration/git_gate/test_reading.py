"""The reading side under attack: what a bottle asks for that is not its own, and clients that are slow, large or broken."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forge import SLUG, Forge, Gated, commit, gated, git, head, operator_repository

from bot_bottle.gates.git_gate import serve
from bot_bottle.host.confine import can_confine
from bot_bottle.manifest.spec import GitUpstream


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path / "forge")
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return operator_repository(tmp_path / "project")


@pytest.fixture
def gate(tmp_path: Path, project: Path) -> Iterator[Gated]:
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as made:
        yield made


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def post(target: str, body: bytes, *headers: str) -> bytes:
    rows = (f"POST {target} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers)
    return ("\r\n".join(rows) + "\r\n\r\n").encode() + body


@pytest.mark.parametrize(
    "target",
    [
        "/local/project.git/config",
        "/local/project.git/HEAD",
        "/local/project.git/objects/info/packs",
        "/local/project.git/info/refs",
        "/local/project.git/../../../../etc/passwd/info/refs?service=git-upload-pack",
        "/local/project.git/incoming/info/refs?service=git-upload-pack",
        "/local/..%2fproject.git/info/refs?service=git-upload-pack",
        "//local/project.git/info/refs?service=git-upload-pack",
        "/local/project.git/info/refs?service=git-upload-archive",
        "/https/127.0.0.1/etc/passwd/info/refs?service=git-upload-pack",
    ],
)
def test_nothing_but_smart_git_is_answered(gate: Gated, target: str) -> None:
    status = gate.talk(get(target)).split(b" ")[1]
    assert status in {b"403", b"404", b"400"}


def test_every_refusal_goes_into_the_log(gate: Gated) -> None:
    gate.git("ls-remote", "https://git.example.com/other/repo", check=False)
    assert [event["event"] for event in gate.events] == ["refused"]
    assert "git.example.com/other/repo" in gate.events[0]["why"]


def test_an_object_that_no_branch_leads_to_is_not_in_reach(tmp_path: Path, project: Path) -> None:
    hidden = git("hash-object", "-w", "--stdin-paths", at=project, check=False)  # nothing on stdin: makes nothing
    assert hidden.stdout == ""
    (project / "secret.txt").write_text("a thought that was dropped\n")
    blob = git("hash-object", "-w", "secret.txt", at=project).stdout.strip()
    (project / "secret.txt").unlink()
    git("stash", "list", at=project)
    git("update-ref", "refs/private/x", commit_of(project, blob), at=project)
    with gated(tmp_path / "gate2", (GitUpstream(where="test", path=project),)) as gate:
        work = gate.clone(gate.url("project"))
        for wanted in (blob, head(project, "refs/private/x")):
            asked = gate.git("fetch", "origin", wanted, at=work, check=False)
            assert asked.returncode != 0
        assert "refs/private" not in gate.git("ls-remote", gate.url("project")).stdout


def commit_of(project: Path, blob: str) -> str:
    """A commit with this blob that no branch leads to."""
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},secret.txt", at=project)
    tree = git("write-tree", at=project).stdout.strip()
    git("reset", "--quiet", at=project)
    return git("commit-tree", tree, "-m", "Private", at=project).stdout.strip()


def test_another_bottles_branches_are_not_in_reach(tmp_path: Path, project: Path) -> None:
    git("checkout", "--quiet", "-b", "bottle/other/topic", at=project)
    theirs = commit(project, {"theirs.txt": "another agent's work\n"})
    git("checkout", "--quiet", "main", at=project)
    git("branch", f"bottle/{SLUG}-2/topic", theirs, at=project)
    with gated(tmp_path / "gate2", (GitUpstream(where="test", path=project),)) as gate:
        work = gate.clone(gate.url("project"))
        assert "bottle/" not in gate.git("ls-remote", "origin", at=work).stdout
        assert gate.git("fetch", "origin", theirs, at=work, check=False).returncode != 0


def test_a_bottle_reads_its_own_branches_back(gate: Gated, project: Path) -> None:
    work = gate.clone(gate.url("project"))
    made = commit(work, {"mine.txt": "mine\n"})
    gate.git("push", "--quiet", "origin", "main", at=work)
    assert f"{made}\trefs/heads/bottle/{SLUG}/main" in gate.git("ls-remote", "origin", at=work).stdout


def test_git_archive_is_not_served(gate: Gated) -> None:
    done = gate.git("archive", f"--remote={gate.url('project')}", "HEAD", check=False)
    assert done.returncode != 0


def test_the_file_of_an_upstream_on_another_host_path_is_no_remote(gate: Gated, tmp_path: Path) -> None:
    other = operator_repository(tmp_path / "other")
    for place in (f"/local{other}", f"/file{other}", f"/local/{other.name}.git"):
        assert gate.talk(get(f"{place}/info/refs?service=git-upload-pack")).split(b" ")[1] == b"403"


def test_a_client_that_asks_for_nonsense_gets_an_end_and_the_gate_goes_on(gate: Gated) -> None:
    gate.clone(gate.url("project"))
    for body in (b"", b"garbage", b"0009done\n", b"0032want " + b"a" * 40 + b"\n00000009done\n", b"ffff" + b"x" * 100):
        kind = "Content-Type: application/x-git-upload-pack-request"
        gate.talk(post("/local/project.git/git-upload-pack", body, kind))
        gate.talk(post("/local/project.git/git-upload-pack", body, kind, "Git-Protocol: version=2"))
        gate.talk(post("/local/project.git/git-receive-pack", body))
    assert "refs/heads/main" in gate.git("ls-remote", gate.url("project")).stdout


def test_an_unknown_protocol_version_is_not_passed_on(gate: Gated) -> None:
    strange = "GET /local/project.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = gate.talk(f"{strange}Git-Protocol: version=2:../../x\r\n\r\n".encode())
    assert b"# service=git-upload-pack" in answer  # served in the first version


def test_a_head_that_never_ends_is_refused(gate: Gated) -> None:
    answer = gate.talk(b"GET /" + b"x" * 100_000)
    assert answer.split(b" ")[1] in {b"413", b"400"}


def test_a_slow_client_is_let_go(gate: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot_bottle.gates.git_gate.http.HEAD_TIMEOUT_S", 0.3)
    started = time.monotonic()
    assert gate.talk(b"GET /local/project.git/info/refs HTTP/1.1\r\n") == b""
    assert time.monotonic() - started < 10


def test_a_client_that_sends_half_a_push_is_let_go(gate: Gated, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.clone(gate.url("project"))
    monkeypatch.setattr("bot_bottle.gates.git_gate.http.IDLE_TIMEOUT_S", 0.3)
    request = b"POST /local/project.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n00"
    assert b"200" not in gate.talk(request)
    incoming = gate.plan.folder / "project.git/incoming"
    assert not incoming.exists() or list(incoming.iterdir()) == []


def test_one_bottle_cannot_hold_more_than_its_connections(gate: Gated) -> None:
    held = [socket.create_connection(("127.0.0.1", gate.port)) for _ in range(serve.CONNECTIONS + 4)]
    try:
        said = []
        for channel in held[serve.CONNECTIONS :]:
            channel.settimeout(10)
            said.append(channel.recv(100))
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in said)
    finally:
        for channel in held:
            channel.close()


def test_an_alternate_in_the_mirror_cannot_come_from_the_bottle(gate: Gated) -> None:
    work = gate.clone(gate.url("project"))
    (work / ".git/objects/info/alternates").write_text("/etc\n")
    commit_without_alternates = gate.git("push", "origin", "HEAD:x", at=work, check=False)
    assert commit_without_alternates.returncode == 0
    mirror = gate.plan.folder / "project.git"
    assert not (mirror / "objects/info/alternates").exists()
    assert not any((mirror / "hooks").glob("*"))


def test_the_gates_git_obeys_no_settings_but_its_own(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "operator"
    home.mkdir()
    mark = tmp_path / "ran"
    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-receive", "update"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n[uploadpack]\n\tpackObjectsHook = touch {mark}; false\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    with gated(tmp_path / "gate2", (GitUpstream(where="test", path=project),), host={"HOME": str(home)}) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"x.txt": "x\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
    assert not mark.exists()


@pytest.mark.parametrize(("has_landlock", "told"), [(True, ["push"]), (False, ["no-sandbox", "push"])])
def test_where_no_sandbox_works_git_runs_without_it_and_the_log_says_so(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, has_landlock: bool, told: list[str]
) -> None:
    if has_landlock and not can_confine():
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setattr(serve, "landlock_here", lambda: has_landlock)
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    (broken / "bwrap").chmod(0o755)
    host = {"PATH": f"{broken}:/usr/bin:/bin"}
    with gated(tmp_path / "gate2", (GitUpstream(where="test", path=project),), host=host) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"x.txt": "x\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        assert [event["event"] for event in gate.events] == told


def test_a_client_that_goes_away_in_the_middle_of_a_push_leaves_nothing(gate: Gated, project: Path) -> None:
    work = gate.clone(gate.url("project"))
    made = commit(work, {"x.txt": "x\n"})
    row = f"{'0' * 40} {made} refs/heads/x\0report-status-v2 side-band-64k\n".encode()
    begin = b"%04x" % (len(row) + 4) + row + b"0000" + b"PACK\0\0\0\2\0\0\0\3"
    for count in (len(begin), 40):
        with socket.create_connection(("127.0.0.1", gate.port)) as channel:
            text = f"POST /local/project.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: {len(begin) + 500}\r\n\r\n"
            channel.sendall(text.encode() + begin[:count])
            channel.shutdown(socket.SHUT_RDWR)
    gate.git("push", "--quiet", "origin", "HEAD:y", at=work)
    incoming = gate.plan.folder / "project.git/incoming"
    deadline = time.monotonic() + 20
    while list(incoming.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(incoming.iterdir()) == []
    assert head(project, f"refs/heads/bottle/{SLUG}/y") == made
    assert not head(project, f"refs/heads/bottle/{SLUG}/x")


def test_pushes_at_the_same_time_all_arrive(gate: Gated, project: Path) -> None:
    works = [gate.clone(gate.url("project"), name=f"work{number}") for number in range(4)]
    made = [commit(work, {f"{number}.txt": "x\n"}) for number, work in enumerate(works)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: gate.git("push", "origin", f"HEAD:b{row[0]}", at=row[1]), enumerate(works)))
    assert [head(project, f"refs/heads/bottle/{SLUG}/b{number}") for number in range(4)] == made
