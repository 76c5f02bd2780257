"""Launching with an engine that answers as the real one did: what is asked in which order, tried again, undone."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from plans import shared_plan

from bot_bottle.backends.smolmachines.artifact import artifact_file, ready_artifact
from bot_bottle.backends.smolmachines.engine import Engine
from bot_bottle.backends.smolmachines.journal import note, noted, strike
from bot_bottle.backends.smolmachines.launch import create, process_of, remove, start, with_addresses
from bot_bottle.backends.smolmachines.machine import read_report, settings_of
from bot_bottle.backends.smolmachines.plan import FromArtifact, SmolmachinesBottlePlan
from bot_bottle.backends.smolmachines.prepare import prepare
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.run import Command, Finished
from bot_bottle.plans.image import RootFolder
from bot_bottle.record import replace

ENGINE = Engine(program=Path("/e/smolvm"), version="1.32.2")


def refusal(code: str, message: str) -> Finished:
    """As `--error-format json` prints it."""
    return Finished(code=1, stdout=b"", stderr=json.dumps({"error": {"code": code, "message": message}}).encode() + b"\n")


WORKED = Finished(code=0, stdout=b"", stderr=b"")
NOT_READY = refusal("SMOLVM_ERROR", "agent operation failed: wait for ready: agent did not become ready within 180 seconds")
NO_KVM = refusal("KVM_UNAVAILABLE", "KVM is not available: /dev/kvm: Permission denied")
CLOSED = refusal("SMOLVM_ERROR", "io operation failed: connection closed")
ABSENT = refusal("NOT_FOUND", "vm not found: bb-one")
EXISTS = refusal("CONFIG_ERROR", "config operation failed: create machine: machine 'bb-one' already exists or is being created")
FLATTEN = refusal("SMOLVM_ERROR", "agent operation failed: flatten layers: flatten archive exited with exit status: 2")


class FakeEngine:
    """Answers each action with its recorded answers, the last one for ever, and notes what was asked."""

    def __init__(self, **answers: list[Finished]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.commands: list[Command] = []

    def run(self, command: Command) -> Finished:
        action = command.argv[2]
        self.asked.append(action)
        self.commands.append(command)
        left = self.answers.get(action, [WORKED])
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmolmachinesBottlePlan:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    shared = replace(shared_plan(tmp_path / "bottles" / "one"), image=RootFolder(folder=Path("/root-fs"), digest="", origin="it"))
    return prepare(shared, ENGINE, host={"PATH": "/bin"})


def test_machine_that_a_killed_launch_left_is_made_anew(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine(create=[EXISTS, WORKED])
    create(plan, run=engine.run)
    assert engine.asked == ["create", "delete", "create"]
    assert noted(plan.stage_dir) is not None


def test_machine_that_cannot_be_made_is_tried_no_second_time(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine(create=[refusal("MOUNT_ERROR", "no such directory")])
    with pytest.raises(BottleError, match="could not be made"):
        create(plan, run=engine.run)
    assert engine.asked == ["create"]


def test_start_that_works_is_asked_for_once(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine()
    start(plan, run=engine.run)
    assert engine.asked == ["start"]


def test_started_machines_process_is_in_the_engines_words(plan: SmolmachinesBottlePlan) -> None:
    name = plan.machine_name
    said = f"Starting machine '{name}' with 2 mount(s)...\n  preparing the workload... 3s\nMachine '{name}' running (PID: 3554)\n"
    assert start(plan, run=FakeEngine(start=[Finished(code=0, stdout=said.encode(), stderr=b"")]).run) == 3554


@pytest.mark.parametrize(
    "said", ["", "Machine 'bb-other' running (PID: 3554)\n", "Machine 'NAME' running (PID: 1)\n", "Machine 'NAME'\n"]
)
def test_process_that_was_not_said_is_asked_for(plan: SmolmachinesBottlePlan, said: str) -> None:
    done = Finished(code=0, stdout=said.replace("NAME", plan.machine_name).encode(), stderr=b"")
    assert start(plan, run=FakeEngine(start=[done]).run) is None


@pytest.mark.parametrize("failed", [NOT_READY, CLOSED])
def test_start_that_was_not_ready_is_tried_once_more_after_a_stop(plan: SmolmachinesBottlePlan, failed: Finished) -> None:
    engine = FakeEngine(start=[failed, WORKED])
    start(plan, run=engine.run)
    assert engine.asked == ["start", "stop", "start"]


def test_second_failure_is_final_and_says_what_the_engine_said(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine(start=[NOT_READY])
    with pytest.raises(BottleError) as caught:
        start(plan, run=engine.run)
    assert engine.asked == ["start", "stop", "start"]
    assert "did not become ready" in caught.value.facts[0]


def test_missing_kvm_is_not_tried_again(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine(start=[NO_KVM])
    with pytest.raises(CannotRunHere):
        start(plan, run=engine.run)
    assert engine.asked == ["start"]


def test_every_command_has_the_planned_environment_and_a_time_limit(plan: SmolmachinesBottlePlan) -> None:
    engine = FakeEngine(start=[NOT_READY, WORKED])
    start(plan, run=engine.run)
    for command in engine.commands:
        assert dict(command.env) == dict(plan.engine.env)
        assert 0 < command.timeout_s <= 300
        assert command.argv[command.argv.index("--state-dir") + 1] == str(plan.engine.state)


def status(**more: object) -> Finished:
    row = {"name": "", "state": "running", "pid": 761, "labels": {}} | more
    return Finished(code=0, stdout=json.dumps(row).encode(), stderr=b"")


def test_process_is_the_engines_word_about_this_machine(plan: SmolmachinesBottlePlan) -> None:
    assert process_of(plan, run=FakeEngine(status=[status(name=plan.machine_name)]).run) == 761


@pytest.mark.parametrize(
    "answer",
    [
        lambda name: status(name="bb-another"),
        lambda name: status(name=name, pid=None, state="stopped"),
        lambda name: Finished(code=0, stdout=b"running\n", stderr=b""),
        lambda name: ABSENT,
    ],
)
def test_machine_without_a_process_does_not_run(plan: SmolmachinesBottlePlan, answer: Callable[[str], Finished]) -> None:
    with pytest.raises(BottleError):
        process_of(plan, run=FakeEngine(status=[answer(plan.machine_name)]).run)


def test_removing_forces_and_forgets(plan: SmolmachinesBottlePlan) -> None:
    note(plan)
    engine = FakeEngine()
    remove(plan, run=engine.run)
    assert engine.asked == ["delete"]
    assert "-f" in engine.commands[0].argv
    assert noted(plan.stage_dir) is None


def test_machine_that_is_not_there_is_removed(plan: SmolmachinesBottlePlan) -> None:
    remove(plan, run=FakeEngine(delete=[ABSENT]).run)


def test_machine_that_may_be_left_is_told_and_not_forgotten(plan: SmolmachinesBottlePlan) -> None:
    note(plan)
    with pytest.raises(BottleError, match="may be left"):
        remove(plan, run=FakeEngine(delete=[refusal("STORAGE_ERROR", "read-only file system")]).run)
    assert noted(plan.stage_dir) is not None
    strike(plan.stage_dir)


class FakeHost:
    """The machine's process, which is there until it is killed."""

    def __init__(self) -> None:
        self.alive, self.line = os.pipe()
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1
        if self.killed == 1:
            os.close(self.line)


def test_machine_that_does_not_end_when_asked_is_killed_and_then_removed(plan: SmolmachinesBottlePlan) -> None:
    note(plan)
    kept = refusal("SMOLVM_ERROR", "guest shutdown was not acknowledged; preserving the live VM and its disks")
    engine, host = FakeEngine(delete=[kept, WORKED]), FakeHost()
    remove(plan, run=engine.run, hosts=[host])  # type: ignore[list-item]  # what is used of it
    assert (engine.asked, host.killed) == (["delete", "delete"], 1)
    assert noted(plan.stage_dir) is None
    os.close(host.alive)


def test_machine_that_ends_when_asked_is_not_killed(plan: SmolmachinesBottlePlan) -> None:
    host = FakeHost()
    remove(plan, run=FakeEngine().run, hosts=[host])  # type: ignore[list-item]  # what is used of it
    assert host.killed == 0
    os.close(host.alive)
    os.close(host.line)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "a", "argv": "rm", "env": 3}'])
def test_journal_that_cannot_be_read_names_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine.json").write_text(text)
    assert noted(tmp_path) is None


def packing(command: Command) -> Finished:
    """Packs as the engine does: a program and, beside it, the artifact."""
    output = Path(command.argv[command.argv.index("-o") + 1])
    output.write_bytes(b"program")
    output.with_name(output.name + ".smolmachine").write_bytes(b"artifact")
    return WORKED


def test_artifact_is_packed_once_and_only_it_is_kept(plan: SmolmachinesBottlePlan, tmp_path: Path) -> None:
    image = FromArtifact(archive=tmp_path / "image.tar", artifact=tmp_path / "artifacts" / "abc-1.32.2")
    made = ready_artifact(plan.engine, image, run=packing)

    def never(command: Command) -> Finished:
        raise AssertionError(command)

    assert ready_artifact(plan.engine, image, run=never) == made == artifact_file(image)
    assert made.read_bytes() == b"artifact"
    assert [one.name for one in made.parent.iterdir() if not one.name.startswith(".")] == ["abc-1.32.2.smolmachine"]


@pytest.mark.parametrize("answer", [FLATTEN, CLOSED, WORKED])
def test_image_that_cannot_be_packed_leaves_nothing(plan: SmolmachinesBottlePlan, tmp_path: Path, answer: Finished) -> None:
    image = FromArtifact(archive=tmp_path / "image.tar", artifact=tmp_path / "artifacts" / "abc-1.32.2")
    with pytest.raises(BottleError):
        ready_artifact(plan.engine, image, run=lambda command: answer)
    assert [one.name for one in (tmp_path / "artifacts").iterdir() if not one.name.endswith(".lock")] == []


def test_addresses_are_empty_until_the_machine_runs(plan: SmolmachinesBottlePlan) -> None:
    assert (plan.agent_proxy_url, plan.agent_git_gate_host, plan.agent_supervise_url) == ("", "", "")
    assert with_addresses(plan).agent_proxy_url == "http://127.0.0.1:3128"


def test_settings_lead_each_port_to_its_gate(plan: SmolmachinesBottlePlan) -> None:
    settings = json.loads(settings_of(plan, keeper="/k"))
    assert settings["forward"] == ["3128=/run/bot-bottle-doors/egress"]
    assert settings["uid"] != 0
    assert settings["gid"] != 0
    assert settings["keeper"] == "/k"


def test_report_is_read_from_a_plain_file_only(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("77")
    (tmp_path / "2").symlink_to(tmp_path / "1")
    (tmp_path / "3").mkdir()
    (tmp_path / "4").write_text("x" * 1000)
    assert [read_report(tmp_path / name) for name in "12345"] == ["77", None, None, "x" * 8, None]
