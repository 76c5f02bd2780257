"""Objects of git LFS come in through the gate, checked by their hash; none goes out."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import PASSWORD, Forge, Gated, commit, gated, git, operator_repository

from bot_bottle.manifest.spec import GitUpstream

CONTENT = b"a large file, in principle\n" * 100
OID = hashlib.sha256(CONTENT).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(CONTENT)}\n"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path / "forge")
    yield made
    made.close()


def ask(gate: Gated, place: str, *, oid: str = OID, operation: str = "download", size: int = len(CONTENT)) -> tuple[int, str]:
    body = json.dumps({"operation": operation, "objects": [{"oid": oid, "size": size}]}).encode()
    head = f"POST {place}/info/lfs/objects/batch HTTP/1.1\r\nHost: 127.0.0.1:{gate.port}\r\nConnection: close\r\n"
    answer = gate.talk(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[2].decode()


def fetch(gate: Gated, place: str, oid: str = OID) -> bytes:
    return gate.talk(f"GET {place}/info/lfs/objects/{oid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


def with_object(project: Path) -> Path:
    """The operator's repository, where git-lfs has put the object."""
    folder = project / ".git/lfs/objects" / OID[:2] / OID[2:4]
    folder.mkdir(parents=True)
    (folder / OID).write_bytes(CONTENT)
    commit(project, {"large.bin": POINTER, ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    return project


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
@pytest.mark.parametrize("kind", ["local", "https"])
def test_a_clone_with_git_lfs_has_the_content(tmp_path: Path, forge: Forge, kind: str) -> None:
    project = with_object(operator_repository(tmp_path / "project"))
    upstream = GitUpstream(where="test", path=project)
    if kind == "https":
        bare = forge.repository("project", filled=False)
        git("push", "--quiet", "--no-verify", str(bare), "main", at=project)
        forge.large[OID] = CONTENT
        upstream = GitUpstream(where="test", url=forge.url("project"), credential="forge")
    with gated(tmp_path / "gate", (upstream,), ca=forge.ca) as gate:
        for key, value in (("clean", "git-lfs clean -- %f"), ("smudge", "git-lfs smudge -- %f"), ("required", "true")):
            gate.git("config", "--global", f"filter.lfs.{key}", value)
        work = gate.clone(gate.url("project") if kind == "local" else forge.url("project"))
        assert (work / "large.bin").read_bytes() == CONTENT


def test_the_object_is_asked_of_the_upstream_with_the_password_of_the_host(tmp_path: Path, forge: Forge) -> None:
    forge.repository("repo")
    forge.large[OID] = CONTENT
    upstream = GitUpstream(where="test", url=forge.url("repo"), credential="forge")
    place = f"/https/127.0.0.1:{forge.port}/repo.git"
    with gated(tmp_path / "gate", (upstream,), ca=forge.ca) as gate:
        status, said = ask(gate, place)
        assert status == 200
        assert json.loads(said)["objects"][0]["actions"]["download"]["href"].startswith(f"http://127.0.0.1:{gate.port}/")
        assert CONTENT[:20] in fetch(gate, place)
        assert PASSWORD not in said
    assert forge.refused == 0


def test_content_with_another_hash_never_reaches_the_bottle(tmp_path: Path, forge: Forge) -> None:
    forge.repository("repo")
    forge.large[OID] = b"something else entirely, of the upstream's choice\n" * 54
    upstream = GitUpstream(where="test", url=forge.url("repo"), credential="forge")
    place = f"/https/127.0.0.1:{forge.port}/repo.git"
    with gated(tmp_path / "gate", (upstream,), ca=forge.ca) as gate:
        ask(gate, place)
        answer = fetch(gate, place)
        assert answer.startswith(b"HTTP/1.1 502")
        assert b"choice" not in answer
        assert list((gate.plan.folder / "repo.lfs").iterdir()) == []


def test_what_the_upstream_does_not_have_is_said_for_each_object(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as gate:
        status, said = ask(gate, "/local/project.git")
        assert status == 200
        assert json.loads(said)["objects"][0]["error"]["code"] == 404
        assert fetch(gate, "/local/project.git").startswith(b"HTTP/1.1 502")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"operation": "upload"}, "not uploaded"),
        ({"oid": "../../../etc/passwd"}, "proper objects"),
        ({"oid": "A" * 64}, "proper objects"),
        ({"size": -1}, "proper objects"),
    ],
)
def test_what_is_no_download_is_refused(tmp_path: Path, change: dict[str, object], why: str) -> None:
    project = with_object(operator_repository(tmp_path / "project"))
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as gate:
        status, said = ask(gate, "/local/project.git", **change)  # type: ignore[arg-type]  # rows of one test
        assert (status, why in said) == (403, True)


def test_a_link_in_the_place_of_an_object_is_not_followed(tmp_path: Path) -> None:
    project = with_object(operator_repository(tmp_path / "project"))
    object_path = project / ".git/lfs/objects" / OID[:2] / OID[2:4] / OID
    object_path.unlink()
    object_path.symlink_to("/etc/passwd")
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as gate:
        assert fetch(gate, "/local/project.git").startswith(b"HTTP/1.1 502")
