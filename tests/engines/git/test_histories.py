"""Whole histories of real repositories through the gate: every ref arrives, git's own check is content, and a push brings it all.

This repository's own, and those that BOT_BOTTLE_HISTORIES names (bare or not, with `:` between them). Secrets are not searched
for here: real histories are full of keys that were made for tests.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from forge import Gated, gated, git

from bot_bottle.gates.base import BlobScan, Sighting
from bot_bottle.manifest.spec import GitPush, GitUpstream

ROOT = Path(__file__).resolve().parents[3]
HISTORIES = [ROOT, *(Path(path) for path in os.environ.get("BOT_BOTTLE_HISTORIES", "").split(":") if path)]
ANYBODYS: dict[str, Any] = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
"""Variables with which another owner's repository may be read. Any: as keywords beside others of another type."""


class SeesNothing(BlobScan):
    """In place of the search for secrets. It reads all the same."""

    def __call__(self, parts: Iterable[bytes], where: str) -> Sequence[Sighting]:
        for _ in parts:
            pass
        return ()

    def apart(self) -> "SeesNothing":
        return self


def refs(repository: Path) -> dict[str, str]:
    """Branches and tags, all that a gate shows."""
    text = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags", at=repository, **ANYBODYS).stdout
    return {name: id for name, id in (line.split(" ") for line in text.splitlines())}


@pytest.fixture(params=HISTORIES, ids=lambda path: path.parent.name if path.name == "repo" else path.name)
def history(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare copy of its branches and tags."""
    monkeypatch.setattr("forge.WAIT_S", 3600)
    path = tmp_path / "history.git"
    git("init", "--quiet", "--bare", str(path))
    git("fetch", "--quiet", str(request.param), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", at=path, **ANYBODYS)
    if not refs(path):
        pytest.skip("it has neither branches nor tags")
    first = next((name for name in refs(path) if name.startswith("refs/heads/")), "refs/heads/main")
    git("symbolic-ref", "HEAD", first, at=path)
    return path


@pytest.fixture
def gate(tmp_path: Path, history: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gated]:
    empty = tmp_path / "empty.git"
    git("init", "--quiet", "--bare", "--initial-branch=none", str(empty))
    everything = GitPush(refs=("refs/heads/**", "refs/tags/**"), tags=True)
    upstreams = (GitUpstream(where="test", path=history), GitUpstream(where="test", path=empty, push=everything))
    with gated(tmp_path / "gate", upstreams, protected_paths=()) as running:
        assert running.gate.inspector is not None
        monkeypatch.setattr(running.gate.inspector, "object_scan", SeesNothing)
        yield running


def test_a_clone_has_every_ref_and_git_finds_no_fault_in_it(gate: Gated, history: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone.git"
    gate.git("clone", "--quiet", "--mirror", gate.url("history"), str(clone))
    assert refs(clone) == refs(history)
    git("fsck", "--connectivity-only", "--no-dangling", at=clone)


def test_a_whole_branch_is_pushed_and_is_the_same_upstream_or_has_a_fault_that_git_names(
    gate: Gated, history: Path, tmp_path: Path
) -> None:
    every = refs(history)
    name = next((one for one in ("refs/heads/main", "refs/heads/master") if one in every), next(iter(every)))
    pushed = gate.git("push", "--quiet", gate.url("empty"), f"{name}:{name}", at=history, check=False)
    upstream = tmp_path / "empty.git"
    if pushed.returncode:
        faults = git("fsck", "--strict", "--no-dangling", at=history, check=False)
        assert "fsck error in packed object" in pushed.stderr, pushed.stderr
        assert faults.returncode != 0
        assert refs(upstream) == {}
        return
    assert refs(upstream) == {name: every[name]}
    git("fsck", "--no-dangling", at=upstream)
    ours, theirs = (git("rev-list", "--objects", name, at=place).stdout for place in (upstream, history))
    assert ours == theirs
