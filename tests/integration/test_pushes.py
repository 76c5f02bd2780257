"""Held pushes on the command line: approved while the bottle runs, and decided after its end."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from forge import git, head, operator_repository
from shop import Shop

SLUG = "test-bottle"
WAIT_S = 60.0
SCRIPT = """
    mkdir -p .github/workflows; echo 'on: push' > .github/workflows/ci.yml
    git add .; git commit -qm 'Add CI'
    git push -q origin HEAD:topic && exit 1
"""


@pytest.fixture
def project(shop: Shop) -> Path:
    """The shop's project as a repository."""
    if (
        shutil.which("bwrap") is None
        or subprocess.run(("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"), check=False).returncode
    ):
        pytest.skip("bubblewrap cannot make namespaces here")
    operator_repository(shop.project)
    git("config", "user.name", "Operator", at=shop.project)
    git("config", "user.email", "operator@example.com", at=shop.project)
    return shop.project


def words(script: str, *options: str) -> tuple[str, ...]:
    return ("run", "shell", "--mode", "clone", "--name", SLUG, *options, "--", "bash", "-c", script)


def waiting(shop: Shop) -> list[dict[str, Any]]:
    done = shop.bot_bottle("pushes", "ls", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_held_push_is_decided_after_the_bottles_end(shop: Shop, project: Path) -> None:
    done = shop.bot_bottle(*words(SCRIPT + "true"))
    assert b"held for the operator as push 1" in done.stderr
    (one,) = waiting(shop)
    shown = shop.bot_bottle("pushes", "show", f"{SLUG}/1").stdout.decode()
    assert "The path is protected (.github/workflows/**)" in shown
    assert "+on: push" in shown
    unnamed = shop.bot_bottle("pushes", "approve", f"{SLUG}/1")
    assert unnamed.returncode == 2
    assert one["id"].encode() in unnamed.stderr
    other = shop.bot_bottle("pushes", "approve", f"{SLUG}/1-000000000000")
    assert b"not the push that you were shown" in other.stderr
    assert head(project, f"refs/heads/bottle/{SLUG}/topic") == ""
    assert b"pushes that wait for you" in shop.bot_bottle("rm", SLUG).stderr
    approved = shop.bot_bottle("pushes", "approve", one["id"])
    assert approved.returncode == 0, approved.stderr
    assert head(project, f"refs/heads/bottle/{SLUG}/topic") == one["updates"][0]["new"]
    assert waiting(shop) == []


def test_a_held_push_is_approved_while_the_bottle_runs(shop: Shop, project: Path) -> None:
    script = SCRIPT + f"until git ls-remote origin | grep -q bottle/{SLUG}/topic; do sleep 0.2; done; echo arrived"
    with subprocess.Popen(shop.argv(*words(script)), env=shop.env(), cwd=project, stdout=subprocess.PIPE) as bottle:
        deadline = time.monotonic() + WAIT_S
        while not (found := waiting(shop)) and bottle.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        approved = shop.bot_bottle("pushes", "approve", found[0]["id"])
        assert approved.returncode == 0, approved.stderr
        assert bottle.stdout is not None
        assert bottle.stdout.read().endswith(b"arrived\n")
    assert bottle.returncode == 0


def test_a_rejected_push_reaches_nobody(shop: Shop, project: Path) -> None:
    shop.bot_bottle(*words(SCRIPT + "true"))
    (one,) = waiting(shop)
    rejected = shop.bot_bottle("pushes", "reject", one["id"], "--reason", "Not without a test")
    assert rejected.returncode == 0, rejected.stderr
    assert head(project, f"refs/heads/bottle/{SLUG}/topic") == ""
    listed = json.loads(shop.bot_bottle("pushes", "ls", "-a", "--json").stdout)
    assert [(row["state"], row["said"]) for row in listed] == [("rejected", "Not without a test")]
    again = shop.bot_bottle("pushes", "approve", one["id"])
    assert again.returncode != 0
    assert head(project, f"refs/heads/bottle/{SLUG}/topic") == ""
