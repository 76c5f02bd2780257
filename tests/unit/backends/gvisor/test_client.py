"""The bundle's config.json is a function of the plan, and nothing in it opens a door."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from plans import NoGate, shared_plan

from bot_bottle.backends.gvisor.client import config, flags, release_of, run_argv, shown_log, trial_config
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.limits import LimitPlan
from bot_bottle.backends.mounts import Bind, Link, Memory, Special
from bot_bottle.record import field_values

SNAPSHOT = Path(__file__).with_name("config.json")


def plan(tmp_path: Path, **changes: Any) -> GvisorPlan:  # Any: the fields differ in type
    given = {
        "runsc": "/opt/runsc",
        "is_rootless": True,
        "container": "bot-bottle-0123abcd",
        "hostname": "test-bottle",
        "root": Path("/stage/backend/root"),
        "is_image": False,
        "mounts": (
            Bind(host_path=Path("/usr"), guest_path="/usr"),
            Link(target="usr/bin", guest_path="/bin"),
            Special(kind="proc", guest_path="/proc"),
            Memory(guest_path="/sys", size=0),
            Special(kind="dev", guest_path="/dev"),
            Memory(guest_path="/tmp", size=1024),
            Memory(guest_path="/run", size=2048),
            Bind(host_path=Path("/stage/backend/own"), guest_path="/run/bot-bottle"),
            Bind(host_path=Path("/stage/workspace"), guest_path="/work/project", writable=True),
        ),
        "placeholders": (),
        "git_gate_plan": NoGate(gate="git-gate"),
        "portal": Path("/cache/portal-x86_64"),
        "forwarder": Path("/cache/forwarder-x86_64"),
        "limits": LimitPlan(),
        "sealing": (),
    }
    return GvisorPlan(**(field_values(shared_plan(tmp_path / "one")) | given | changes))


def test_config_is_exactly_this(tmp_path: Path) -> None:
    said = json.dumps(config(plan(tmp_path)), indent=1) + "\n"
    if os.environ.get("BOT_BOTTLE_WRITE_SNAPSHOTS"):
        SNAPSHOT.write_text(said)
    assert said == SNAPSHOT.read_text()


def test_config_depends_on_nothing_but_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = config(plan(tmp_path))
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.chdir("/")
    assert config(plan(tmp_path)) == first


@pytest.mark.parametrize("make", [lambda path: config(plan(path)), trial_config], ids=["bottle", "trial"])
def test_no_sandbox_has_more_than_the_portal_needs_or_a_writable_root(tmp_path: Path, make: Any) -> None:  # Any: either maker
    made = make(tmp_path)
    needed = {"CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"}
    assert all(set(names) == needed for names in made["process"]["capabilities"].values())
    assert made["process"]["noNewPrivileges"]
    assert made["root"]["readonly"]
    assert {"type": "network"} in made["linux"]["namespaces"]
    assert "annotations" not in made


def test_secrets_and_the_agents_environment_are_not_in_the_bundle(tmp_path: Path) -> None:
    made = config(plan(tmp_path))
    assert made["process"]["env"] == ["PATH=/usr/local/bin:/usr/bin:/bin"]


@pytest.mark.parametrize("is_rootless", [True, False])
def test_runsc_gets_no_network_and_opens_sockets_but_makes_none(tmp_path: Path, is_rootless: bool) -> None:
    said = flags(plan(tmp_path, is_rootless=is_rootless))
    assert "--network=none" in said
    assert "--host-uds=open" in said
    assert ("--rootless" in said) == is_rootless
    assert not any(word.startswith(("--net-raw", "--debug", "--TESTONLY", "--host-fifo")) for word in said)


def test_runsc_is_started_so_that_it_ends_with_its_keeper(tmp_path: Path) -> None:
    argv = run_argv(plan(tmp_path), control=9, parent=4711)
    assert argv[:5] == ("/cache/forwarder-x86_64", "--die-with", "4711", "--", "/opt/runsc")
    assert argv[-2:] == ("--pass-fd=9:3", "bot-bottle-0123abcd")


def test_an_images_changes_go_to_an_overlay_of_the_bottles_own(tmp_path: Path) -> None:
    made = plan(tmp_path, is_image=True)
    assert f"--overlay2=root:dir={made.folder}/overlay" in flags(made)
    assert "--overlay2=none" in flags(plan(tmp_path))


@pytest.mark.parametrize(
    ("words", "release"),
    [
        ("runsc version release-20250512.0\nspec: 1.1.0-rc.1\n", 20250512),
        ("runsc version release-20240513.0-12-g0f2a\n", 20240513),
        ("runsc version VERSION_MISSING\nspec: 1.1.0-rc.1\n", None),
        ("", None),
    ],
)
def test_release_is_read_where_runsc_knows_it(words: str, release: int | None) -> None:
    assert release_of(words) == release


def test_runscs_last_words_cannot_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\n\x1b[2Jtwo\xff\n")
    assert shown_log(tmp_path / "log") == ("one", "\\x1b[2Jtwo\\ufffd")
    assert shown_log(tmp_path / "missing") == ()
