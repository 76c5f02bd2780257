"""What the engine's failures mean: every one that version 1.32.2 showed, word for word."""

import json
from pathlib import Path

import pytest
from plans import shared_plan

from bot_bottle.backends.smolmachines import client
from bot_bottle.backends.smolmachines.client import Cause, Listed, classify, code_of, explain, ours, read_list, read_status
from bot_bottle.backends.smolmachines.engine import Engine
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan
from bot_bottle.backends.smolmachines.prepare import prepare
from bot_bottle.errors import CannotRunHere
from bot_bottle.plans.image import ImageArchive, RootFolder
from bot_bottle.record import replace


def error(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}}) + "\n"


CAPTURED: tuple[tuple[int, str, Cause], ...] = (
    (
        1,
        error("SMOLVM_ERROR", "agent operation failed: wait for ready: agent did not become ready within 180 seconds"),
        "not ready",
    ),
    (
        1,
        "\x1b[2m2026-01-24T12:49:20Z\x1b[0m \x1b[33m WARN\x1b[0m VMM killed by SIGTERM\n"
        + error(
            "SMOLVM_ERROR",
            "agent operation failed: wait for ready: agent did not become ready within 30 seconds: "
            "no boot progress for 30 seconds",
        ),
        "not ready",
    ),
    (1, "Starting agent VM...\n" + error("SMOLVM_ERROR", "io operation failed: connection closed"), "not ready"),
    (
        1,
        error(
            "SMOLVM_ERROR",
            "agent operation failed: connect: machine 'bb-one' is not running. "
            "Start it with 'smolvm machine start --name bb-one'; if a start is already in progress, retry once it finishes.",
        ),
        "not ready",
    ),
    (
        1,
        error(
            "SMOLVM_ERROR",
            "agent operation failed: start machine: agent operation failed: monitor agent: [2026-11-24T17:01:58.377500Z ERROR "
            "krun_vmm::linux::vstate] Received KVM_EXIT_INTERNAL_ERROR signal "
            "(boot process exited (code 1) before the agent was ready)",
        ),
        "bad kvm",
    ),
    (1, error("NOT_FOUND", "vm not found: bb-one"), "not found"),
    (1, error("NOT_FOUND", "mount source not found: /no/such"), "not found"),
    (
        1,
        error("CONFIG_ERROR", "config operation failed: create machine: machine 'bb-one' already exists or is being created"),
        "exists",
    ),
    (
        1,
        error("CONFIG_ERROR", "config operation failed: --image: cannot read archive /x: No such file or directory (os error 2)"),
        "image",
    ),
    (1, error("CONFIG_ERROR", "config operation failed: machine status: machine 'x' not found"), "not found"),
    (
        1,
        "  Exporting merged layer..."
        + error(
            "SMOLVM_ERROR",
            "agent operation failed: export merged layer: flatten layers: flatten archive exited with exit status: 2",
        ),
        "image",
    ),
    (2, "error: unexpected argument '--nope' found\n\nUsage: smolvm machine create [OPTIONS]\n", "usage"),
    (1, "", "other"),
    (-9, "", "other"),
    (1, "Error: something new\n", "other"),
)


@pytest.mark.parametrize(("code", "stderr", "cause"), CAPTURED, ids=[f"{code} {cause}" for code, _, cause in CAPTURED])
def test_captured_failure_has_its_cause(code: int, stderr: str, cause: Cause) -> None:
    assert classify(code, stderr).cause == cause


def test_message_of_the_last_error_is_kept() -> None:
    found = classify(1, error("A", "first") + "noise\n" + error("NOT_FOUND", "last"))
    assert (found.code, found.message) == ("NOT_FOUND", "last")


def test_error_that_is_no_json_is_told_by_its_last_words() -> None:
    assert classify(1, '{"error": broken\nthe end\n\n').message == "the end"


@pytest.mark.parametrize(
    ("cause", "passes"), [("not ready", True), ("taken", True), ("image", False), ("no kvm", False), ("other", False)]
)
def test_only_what_may_pass_is_tried_again(cause: Cause, passes: bool) -> None:
    assert client.Failure(code="", message="", cause=cause).is_passing is passes


def test_missing_kvm_is_this_machines_fault() -> None:
    made = explain("The machine did not start.", classify(1, error("KVM_UNAVAILABLE", "KVM is not available")))
    assert isinstance(made, CannotRunHere)
    assert "modprobe" in made.next


def test_words_of_the_engine_cannot_move_the_cursor() -> None:
    made = explain("It failed.", classify(1, error("X", "a\x1b[2Jb\u202e")))
    assert made.facts == ("the engine said: a\\x1b[2Jb\\u202e",)


@pytest.mark.parametrize(
    ("ended", "told", "is_alive", "code"),
    [
        (0, "0", True, 0),
        (1, "1", True, 1),  # the agent's own 1
        (1, None, True, 125),  # ours: the engine failed, and nothing ran
        (255, None, True, 125),
        (1, None, False, 137),  # the machine died under it
        (0, "255", False, 255),
        (0, "256", True, 125),
        (0, "-1", True, 125),
        (0, "77 ", True, 125),
        (0, "", True, 125),
        (0, "9999", True, 125),
        (0, "\u0661", True, 125),  # a digit, but not one of ours
    ],
)
def test_exit_code_is_the_agents_only_when_it_was_told(ended: int, told: str | None, is_alive: bool, code: int) -> None:
    assert code_of(ended, told, is_alive=is_alive) == code


STATUS = {"name": "bb-one", "state": "running", "pid": 761, "labels": {"bot-bottle": "one", "bot-bottle.stage": "/s/one"}}


def test_status_is_read() -> None:
    labels = (("bot-bottle", "one"), ("bot-bottle.stage", "/s/one"))
    assert read_status(json.dumps(STATUS)) == Listed(name="bb-one", state="running", pid=761, labels=labels)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"name": "a"}', '{"name": "a", "state": "b", "labels": 3}'])
def test_what_is_no_status_is_none(text: str) -> None:
    assert read_status(text) is None


@pytest.mark.parametrize("pid", [0, 1, -5, None, "761", True])
def test_only_a_process_number_is_one(pid: object) -> None:
    found = read_status(json.dumps(STATUS | {"pid": pid}))
    assert found is not None
    assert found.pid is None


def test_machines_of_other_bottles_are_not_ours() -> None:
    other = STATUS | {"name": "bb-two", "labels": {"bot-bottle.stage": "/s/two"}}
    foreign = STATUS | {"name": "web", "labels": {}}
    machines = read_list(json.dumps([STATUS, other, foreign]))
    assert machines is not None
    assert [one.name for one in ours(machines, stage="/s/one")] == ["bb-one"]


@pytest.mark.parametrize("text", ["", "[3]", "null", '[{"name": "a"}]'])
def test_what_is_no_list_is_none(text: str) -> None:
    assert read_list(text) is None


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmolmachinesBottlePlan:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    shared = replace(shared_plan(tmp_path / "bottles" / "one"), image=RootFolder(folder=Path("/root-fs"), digest="", origin="it"))
    return prepare(shared, Engine(program=Path("/e/smolvm"), version="1.32.2"), host={"PATH": "/bin"})


def test_machine_has_no_network_option(plan: SmolmachinesBottlePlan) -> None:
    bringing_a_network = (
        "--net", "--port", "-p", "--dns", "--allow", "--deny", "--block", "--outbound", "--use-host-proxy", "--trust-host",
        "--credential", "--network", "--guest-subnet", "--ssh-agent", "--docker-socket", "--expose-socket", "--secret",
    )  # fmt: skip
    before_the_command = client.create_words(plan)[: client.create_words(plan).index("--")]
    assert not [word for word in before_the_command if word.startswith(bringing_a_network)]


def test_each_gate_is_one_mounted_socket(plan: SmolmachinesBottlePlan) -> None:
    words = client.create_words(plan)
    mounted = [words[index + 1] for index, word in enumerate(words) if word == "--mount-socket"]
    assert mounted == [f"{door.host_path}:{door.guest_path}" for door in plan.doors]
    assert [door.name for door in plan.doors] == ["egress", "keeper"]


def test_programs_and_certificates_are_shown_read_only(plan: SmolmachinesBottlePlan) -> None:
    assert f"{plan.given}:/run/bot-bottle:ro" in client.create_words(plan)


def test_machine_runs_our_program_and_ends_with_it(plan: SmolmachinesBottlePlan) -> None:
    words = client.create_words(plan)
    assert words[-3:] == ("--", "/run/bot-bottle/machine", "first")
    assert "--stop-on-exit" in words


def test_environment_of_the_bottle_is_not_told_to_the_engine(plan: SmolmachinesBottlePlan) -> None:
    assert not {"-e", "--env"} & set(client.create_words(plan))


def test_machine_of_an_archive_is_made_from_its_artifact(plan: SmolmachinesBottlePlan, tmp_path: Path) -> None:
    image = ImageArchive(archive=tmp_path / "i.tar", digest="sha256:" + "ab" * 32, origin="it")
    engine = Engine(program=Path("/e/smolvm"), version="1.32.2")
    made = prepare(replace(shared_plan(tmp_path / "bottles" / "two"), image=image), engine, host={})
    words = client.create_words(made)
    assert words[words.index("--from") + 1].endswith(f"/artifacts/{'ab' * 32}-1.32.2.smolmachine")
    assert "--image" not in words


def test_terminal_is_asked_for_only_with_one(plan: SmolmachinesBottlePlan) -> None:
    assert "-t" not in client.exec_words(plan, "run", "1", streams=True)
    assert {"-i", "-t"} <= set(client.exec_words(plan, "run", "1", terminal=True))
    assert not {"-i", "-t"} & set(client.exec_words(plan, "signal", "1", "15"))
