"""What `bottles/` may rely on, whatever the backend."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plans import ENV, PATIENCE, HeldSockets, read_terminal, run_inside, shared_plan, wait

from bot_bottle.backends.base import Backend, BundleLink, GuestCommand, RunningBottle, Streams, TtySize
from bot_bottle.errors import BottleError
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import GATE_PORTS

SIZE = TtySize(rows=31, cols=97)
MANY = 40 if PATIENCE == 1 else 6
"""Each command takes seconds on an emulated processor."""


def command(*argv: str) -> GuestCommand:
    return GuestCommand(argv=argv, env=ENV, cwd="/work/project")


def test_prepare_writes_only_below_the_stage_dir_and_starts_nothing(backend: Backend, tmp_path: Path) -> None:
    shared = shared_plan(tmp_path / "bottles" / "one")
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(shared.stage_dir / "backend")}
    children = Path("/proc/thread-self/children").read_text()

    backend.prepare(shared)

    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(shared.stage_dir / "backend")}
    assert after == before
    assert Path("/proc/thread-self/children").read_text() == children


def test_prepare_twice_decides_the_same(backend: Backend, tmp_path: Path) -> None:
    shared = shared_plan(tmp_path / "bottles" / "one")
    assert backend.prepare(shared) == backend.prepare(shared)


def test_prepare_keeps_every_shared_decision_but_the_path(backend: Backend, tmp_path: Path) -> None:
    shared = shared_plan(tmp_path / "bottles" / "one")
    plan = backend.prepare(shared)
    assert (plan.slug, plan.spec, plan.stage_dir, plan.guest_workspace) == (
        shared.slug,
        shared.spec,
        shared.stage_dir,
        shared.guest_workspace,
    )
    assert {name: value for name, value in plan.guest_env if name != "PATH"} == {
        name: value for name, value in shared.guest_env if name != "PATH"
    }


def test_plan_says_how_it_seals(plan: BottlePlan) -> None:
    assert plan.describe_sealing()


def test_streams_go_straight_through(bottle: RunningBottle) -> None:
    ended = run_inside(bottle, "sh", "-c", "cat; echo to-err >&2", stdin=b"\x00\xff bytes\n")
    assert (ended.code, ended.stdout, ended.stderr) == (0, b"\x00\xff bytes\n", b"to-err\n")


def test_callers_keep_their_own_descriptors(bottle: RunningBottle) -> None:
    out, report = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    child = bottle.start(command("echo", "one"), Streams(stdin=null, stdout=report, stderr=null))
    wait(child)
    child.close()
    os.write(report, b"still mine")
    assert os.read(out, 100) == b"one\nstill mine"
    for descriptor in (out, report, null):
        os.close(descriptor)


@pytest.mark.parametrize("code", [0, 1, 2, 77, 125, 126, 127, 128, 255])
def test_exit_codes_pass_through(bottle: RunningBottle, code: int) -> None:
    assert run_inside(bottle, "sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT, signal.SIGPIPE, signal.SIGHUP])
def test_death_by_a_signal_is_128_and_its_number(bottle: RunningBottle, number: signal.Signals) -> None:
    assert run_inside(bottle, "sh", "-c", f"kill -{int(number)} $$").code == 128 + number


def test_unknown_command_is_127(bottle: RunningBottle) -> None:
    ended = run_inside(bottle, "no-such-command-anywhere")
    assert ended.code == 127
    assert b"not found" in ended.stderr


def test_file_that_cannot_run_is_126(bottle: RunningBottle, plan: BottlePlan) -> None:
    (plan.workspace_dir / "plain.txt").write_text("no program")
    assert run_inside(bottle, "./plain.txt").code == 126


def test_folder_as_a_command_is_126(bottle: RunningBottle) -> None:
    assert run_inside(bottle, "/usr").code == 126


def test_missing_working_folder_is_126_and_says_so(bottle: RunningBottle) -> None:
    ended = run_inside(bottle, "true", cwd="/no/such/folder")
    assert ended.code == 126
    assert b"/no/such/folder" in ended.stderr


def test_environment_is_exactly_as_given(bottle: RunningBottle) -> None:
    ended = run_inside(bottle, "/usr/bin/env", "-0")
    assert sorted(ended.stdout.rstrip(b"\0").split(b"\0")) == sorted(f"{name}={value}".encode() for name, value in ENV)


def test_arguments_arrive_byte_for_byte(bottle: RunningBottle) -> None:
    odd = ["", " ", "a'b\"c", "$HOME", "ä€😀", "\udcff", "-n", "two\nlines"]
    ended = run_inside(bottle, "/usr/bin/printf", "%s\\0", *odd)
    assert ended.stdout == b"".join(os.fsencode(one) + b"\0" for one in odd)


def test_working_folder_is_the_one_asked_for(bottle: RunningBottle, plan: BottlePlan) -> None:
    run_inside(bottle, "mkdir", "below")
    run_inside(bottle, "sh", "-c", "touch here", cwd="/work/project/below")
    assert (plan.workspace_dir / "below" / "here").exists()


def test_what_is_written_in_the_workspace_is_there_outside(bottle: RunningBottle, plan: BottlePlan) -> None:
    run_inside(bottle, "sh", "-c", "echo result > result.txt")
    assert (plan.workspace_dir / "result.txt").read_text() == "result\n"


def test_terminal_is_a_terminal_of_its_size(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size && exit 7"), SIZE)
    assert b"31 97" in read_terminal(child)
    assert wait(child) == 7
    child.close()


def test_terminal_controls_its_session(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "echo ready > /dev/tty; exec cat"), SIZE)
    read_terminal(child, until=b"ready")
    assert child.terminal is not None
    os.write(child.terminal, b"\x03")
    assert wait(child) == 128 + signal.SIGINT
    child.close()


def test_resize_reaches_the_program(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.02; done"), SIZE)
    read_terminal(child, until=b"ready")
    child.resize(TtySize(rows=50, cols=132))
    assert b"50 132" in read_terminal(child, until=b"50 132")
    assert wait(child) == 5
    child.close()


def test_typed_text_arrives(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "read line; echo got:$line"), SIZE)
    assert child.terminal is not None
    os.write(child.terminal, b"hello\n")
    read_terminal(child, until=b"got:hello")
    assert wait(child) == 0
    child.close()


def test_closing_the_terminal_hangs_up(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "echo ready; sleep 100"), SIZE)
    read_terminal(child, until=b"ready")
    terminal = os.dup(child.fileno())
    child.close()
    assert select.select([terminal], [], [], 20 * PATIENCE)[0]
    assert os.read(terminal, 8) == str(128 + signal.SIGHUP).encode()
    os.close(terminal)


def test_signal_reaches_the_whole_group(bottle: RunningBottle) -> None:
    child = bottle.start(command("sh", "-c", "sleep 100 & echo ready; wait"), SIZE)
    read_terminal(child, until=b"ready")
    child.signal(signal.SIGTERM)
    assert wait(child) == 128 + signal.SIGTERM
    child.close()


def test_signal_right_after_the_start_is_not_lost(bottle: RunningBottle) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for _ in range(MANY // 4):
        child = bottle.start(command("sleep", "100"), Streams(stdin=null, stdout=null, stderr=null))
        child.signal(signal.SIGINT)
        assert wait(child) == 128 + signal.SIGINT
        child.close()
    os.close(null)


def test_signal_and_resize_after_the_end_do_nothing(bottle: RunningBottle) -> None:
    child = bottle.start(command("true"), SIZE)
    assert wait(child) == 0
    child.signal(signal.SIGTERM)
    child.resize(SIZE)
    assert child.poll() == 0
    child.close()
    child.close()


def test_many_commands_at_once_keep_their_codes(bottle: RunningBottle) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    io = Streams(stdin=null, stdout=null, stderr=null)
    children = [bottle.start(command("sh", "-c", f"exit {number}"), io) for number in range(MANY)]
    assert [wait(child) for child in children] == list(range(MANY))
    for child in children:
        child.close()
    os.close(null)


def test_orphans_are_reaped(bottle: RunningBottle) -> None:
    run_inside(bottle, "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (true &) ; done")
    deadline = time.monotonic() + 10 * PATIENCE
    zombies = "for s in /proc/[0-9]*/stat; do cat $s 2>/dev/null; done | grep -c ') Z 1 '"
    while run_inside(bottle, "sh", "-c", zombies).stdout.strip() != b"0":
        assert time.monotonic() < deadline


def test_commands_see_no_descriptors_but_their_streams(bottle: RunningBottle) -> None:
    ended = run_inside(bottle, "sh", "-c", "ls /proc/self/fd | wc -l")  # 0, 1, 2, and the folder that ls reads
    assert ended.stdout.strip() == b"4"


def test_gates_sockets_listen_where_the_bundle_can_take_them(bottle: RunningBottle, link: HeldSockets) -> None:
    assert list(link.sockets) == ["egress"]
    gate = link.sockets["egress"]
    assert gate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    port = GATE_PORTS["egress"]  # of a forwarder inside, where the kernel is another one
    if gate.family != socket.AF_UNIX:
        address, port = gate.getsockname()
        assert address == "127.0.0.1"
    null = os.open("/dev/null", os.O_RDWR)
    script = f"import socket; socket.create_connection(('127.0.0.1', {port})).sendall(b'from inside')"
    child = bottle.start(command("/usr/bin/python3", "-c", script), Streams(stdin=null, stdout=null, stderr=null))
    gate.settimeout(20 * PATIENCE)
    channel, _ = gate.accept()
    assert channel.recv(100) == b"from inside"
    channel.close()
    assert wait(child) == 0
    child.close()
    os.close(null)


def test_probe_answers_every_question_by_its_id(bottle: RunningBottle) -> None:
    asked: list[dict[str, Any]] = [  # Any: JSON
        {"id": "absent", "try": "exists", "path": "/no/such/path", "closed": ["ENOENT"]},
        {"id": "odd", "try": "no such try"},
    ]
    answers = bottle.probe(asked, timeout_s=10)
    assert [answer["id"] for answer in answers] == ["absent", "odd"]
    assert (answers[0]["outcome"], answers[0]["errno"]) == ("unreachable", "ENOENT")


def test_bottle_is_alive_until_it_is_left(backend: Backend, fresh_plan: BottlePlan, fresh_link: HeldSockets) -> None:
    with backend.launch(fresh_plan, fresh_link) as running:
        assert running.is_alive()
        assert running.check_limits() is None
    assert not running.is_alive()
    with pytest.raises(BottleError):
        running.start(command("true"), SIZE)


def test_leaving_ends_everything_inside(backend: Backend, fresh_plan: BottlePlan, fresh_link: HeldSockets) -> None:
    with backend.launch(fresh_plan, fresh_link) as running:
        child = running.start(
            command("sh", "-c", "trap '' HUP TERM; (setsid sleep 100 &) ; echo ready; while :; do sleep 0.1; done"), SIZE
        )
        read_terminal(child, until=b"ready")
    assert wait(child) == 128 + signal.SIGKILL
    child.close()


def test_undo_bears_a_second_run(backend: Backend, fresh_plan: BottlePlan, fresh_link: HeldSockets) -> None:
    with backend.launch(fresh_plan, fresh_link) as running:
        pass
    again = backend.launch(fresh_plan, fresh_link)
    with again:
        pass
    assert not running.is_alive()


class Refusing(BundleLink):
    def pass_sockets(self, sockets: dict[str, int], *, peer: int | None = None) -> None:
        raise BottleError("The bundle is gone.")


def test_second_launch_works_after_a_failed_one(backend: Backend, fresh_plan: BottlePlan, fresh_link: HeldSockets) -> None:
    before = len(os.listdir("/proc/self/fd"))
    children = Path("/proc/thread-self/children").read_text()
    with pytest.raises(BottleError), backend.launch(fresh_plan, Refusing()):
        pytest.fail("it started without its gates")
    assert len(os.listdir("/proc/self/fd")) == before
    assert Path("/proc/thread-self/children").read_text() == children
    with backend.launch(fresh_plan, fresh_link) as running:
        assert run_inside(running, "true").code == 0


def test_launch_leaks_no_descriptor(backend: Backend, fresh_plan: BottlePlan) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        held = HeldSockets()
        with backend.launch(fresh_plan, held) as running:
            run_inside(running, "true")
        held.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_death_of_the_bottle_is_noticed(bottle: RunningBottle, launch: Callable[[str], RunningBottle]) -> None:
    other = launch("other")
    child = other.start(command("sleep", "100"), SIZE)
    os.kill(other._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]  # from outside, as nobody should
    assert select.select([other.fileno()], [], [], 20 * PATIENCE)[0]
    assert not other.is_alive()
    assert wait(child) == 128 + signal.SIGKILL
    child.close()
    assert bottle.is_alive()


def test_two_bottles_do_not_meet(bottle: RunningBottle, launch: Callable[[str], RunningBottle]) -> None:
    other = launch("other")
    run_inside(bottle, "sh", "-c", "echo mine > file")
    assert run_inside(other, "sh", "-c", "ls").stdout == b""
