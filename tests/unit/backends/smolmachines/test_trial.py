"""Trying the engine out, with one that answers as the real one did on a machine whose /dev/kvm opens and boots nothing."""

import json
from pathlib import Path

import pytest

from bot_bottle.backends.smolmachines import trial
from bot_bottle.backends.smolmachines.plan import EnginePlan
from bot_bottle.backends.smolmachines.trial import why_no_machine
from bot_bottle.host.run import Command, CouldNotRun, Finished

WORKED = Finished(code=0, stdout=b"", stderr=b"")


def refusal(message: str) -> Finished:
    """As `--error-format json` prints it."""
    return Finished(code=1, stdout=b"", stderr=json.dumps({"error": {"code": "SMOLVM_ERROR", "message": message}}).encode())


STANDS_STILL = refusal("wait for ready: agent did not become ready within 30 seconds: no boot progress for 30 seconds")
NO_KERNEL = refusal("monitor agent: Received KVM_EXIT_INTERNAL_ERROR signal (boot process exited (code 1))")


class FakeEngine:
    """Answers each action with its recorded answers, the last one for ever."""

    def __init__(self, **answers: list[Finished]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def run(self, command: Command) -> Finished:
        action = command.argv[2]
        self.asked.append(action)
        left = self.answers.get(action, [WORKED])
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnginePlan:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    boot = tmp_path / "boot_id"
    boot.write_text("one\n")
    monkeypatch.setattr(trial, "BOOT_ID", boot)
    return EnginePlan(program=Path("/e/smolvm"), version="1.32.2", library=None, env=(), state=tmp_path / "vm")


def test_machine_that_comes_up_is_removed_and_not_tried_again(engine: EnginePlan) -> None:
    fake = FakeEngine()
    assert why_no_machine(engine, run=fake.run) is None
    assert fake.asked == ["create", "start", "delete"]
    assert why_no_machine(engine, run=fake.run) is None
    assert len(fake.asked) == 3


def test_it_is_tried_again_after_a_boot(engine: EnginePlan) -> None:
    why_no_machine(engine, run=FakeEngine().run)
    trial.BOOT_ID.write_text("two\n")
    fake = FakeEngine()
    why_no_machine(engine, run=fake.run)
    assert "start" in fake.asked


def test_kvm_on_which_no_kernel_comes_up_is_said_and_tried_each_time(engine: EnginePlan) -> None:
    for _ in range(2):
        fake = FakeEngine(start=[NO_KERNEL])
        found = why_no_machine(engine, run=fake.run)
        assert found is not None
        assert "KVM_EXIT_INTERNAL_ERROR" in found.facts[0]
        assert "another backend" in found.next
        assert fake.asked == ["create", "start", "delete"]


@pytest.mark.parametrize(("second", "works"), [(WORKED, True), (STANDS_STILL, False), (NO_KERNEL, False)])
def test_boot_that_stood_still_is_tried_once_more(engine: EnginePlan, second: Finished, works: bool) -> None:
    fake = FakeEngine(start=[STANDS_STILL, second])
    assert (why_no_machine(engine, run=fake.run) is None) is works
    assert fake.asked == ["create", "start", "stop", "start", "delete"]


def test_machine_that_cannot_be_made_is_not_started(engine: EnginePlan) -> None:
    fake = FakeEngine(create=[refusal("no space left on device")])
    assert why_no_machine(engine, run=fake.run) is not None
    assert fake.asked == ["create"]


def test_engine_that_takes_too_long_does_not_work(engine: EnginePlan) -> None:
    asked = []

    def slow(command: Command) -> Finished:
        asked.append(command.argv[2])
        if command.argv[2] == "start":
            raise CouldNotRun("smolvm took longer than 300 s and was ended.")
        return WORKED

    found = why_no_machine(engine, run=slow)
    assert found is not None
    assert "took longer" in found.facts[0]
    assert asked == ["create", "start", "delete"]
