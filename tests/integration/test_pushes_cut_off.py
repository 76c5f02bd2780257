"""A push whose end nobody heard: the operator can read of it and ask the upstream, and nothing is pushed twice."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from forge import commit, gated, git, head, operator_repository
from shop import Shop

from bot_bottle.manifest.spec import GitUpstream

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

SLUG = "cut-off"


def hook(repository: Path, waits: Path) -> None:
    """The upstream waits once it has a push, and before it says so to whoever pushed (githooks(5), reference-transaction)."""
    os.mkfifo(waits)
    path = repository / ".git/hooks/reference-transaction"
    path.write_text(f'#!/bin/sh\n[ "$1" != committed ] || read line < {waits}\n')
    path.chmod(0o755)


def pushing(folder: Path) -> list[int]:
    """The gate's own `git push` to a repository in this folder, outside of every process namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"push" in words and str(folder / "upstream").encode() in words and not words[0].endswith(b"bwrap"):
                found.append(int(entry.name))
    return found


def test_a_push_that_is_killed_when_the_upstream_has_it_is_accepted_all_the_same(tmp_path: Path) -> None:
    upstream = operator_repository(tmp_path / "upstream")
    waits = tmp_path / "waits"
    hook(upstream, waits)
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=upstream),)) as gate:
        work = gate.clone(gate.url("upstream"))
        made = commit(work, {"a.txt": "1\n"})

        def kill_once_there() -> None:
            deadline = time.monotonic() + 30
            while head(upstream, "refs/heads/bottle/test-bottle/main") != made:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            for one in pushing(tmp_path):
                os.kill(one, signal.SIGKILL)
            line = os.open(waits, os.O_RDWR)  # the hook may be gone with it: nobody waits for a reader
            os.write(line, b"go on\n")
            os.close(line)

        killing = threading.Thread(target=kill_once_there)
        killing.start()
        done = gate.git("push", "origin", "main", at=work, check=False)
        killing.join()
    assert done.returncode == 0, done.stderr
    push = next(event for event in gate.events if event["event"] == "push")
    assert [row[2] for row in push["taken"]] == [made]


@pytest.fixture
def cut_off(shop: Shop) -> str:
    """A bottle whose push the upstream has, its journal as a gate leaves it that is killed before it hears so; the commit."""
    operator_repository(shop.project)
    script = "git -c user.name=A -c user.email=a@example.com commit -q --allow-empty -m more; git push -q origin HEAD"
    assert shop.bot_bottle("run", "-q", "--name", SLUG, "--mode", "clone", "shell", "--", "sh", "-c", script).returncode == 0
    journal = shop.bottles() / SLUG / "git/project.journal"
    begun, ended = journal.read_text().splitlines()
    assert json.loads(ended)["outcome"] == "taken"
    journal.write_text(f"{begun}\n")
    return head(shop.project, f"refs/heads/bottle/{SLUG}/main")


def test_a_push_that_its_bottle_did_not_outlive_is_listed_and_settled(shop: Shop, cut_off: str) -> None:
    listed = json.loads(shop.bot_bottle("pushes", "ls", "--json").stdout)
    assert [(one["slug"], one["state"], one["updates"][0]["new"]) for one in listed] == [(SLUG, "unknown", cut_off)]
    kept = shop.bot_bottle("rm", SLUG)
    assert b"died while it pushed" in kept.stderr
    settled = shop.bot_bottle("pushes", "settle", SLUG)
    assert settled.returncode == 0, settled.stderr
    assert f"has {cut_off[:12]} at bottle/{SLUG}/main" in settled.stderr.decode()
    assert b"No push is held." in shop.bot_bottle("pushes", "ls").stderr


def test_a_push_that_the_upstream_does_not_have_is_said_to_be_lost(shop: Shop, cut_off: str) -> None:
    git("update-ref", "-d", f"refs/heads/bottle/{SLUG}/main", at=shop.project)
    settled = shop.bot_bottle("pushes", "settle", SLUG)
    assert f"does not have {cut_off[:12]}" in settled.stderr.decode()
    assert b"No push is in doubt" in shop.bot_bottle("pushes", "settle", SLUG).stderr
