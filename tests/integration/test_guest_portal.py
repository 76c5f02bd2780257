"""The portal that is built from C, driven over its channel as the keeper does, and beside the one in Python."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import shared_plan

from bot_bottle import guest
from bot_bottle.backends.first_process import SOURCES
from bot_bottle.backends.seccomp import filter_for
from bot_bottle.bottles.contain import questions
from bot_bottle.guest import frames, probe
from bot_bottle.host.addresses import own_addresses, resolvers

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SETTINGS = {"gates": [["egress", 0]], "processes": None, "landlock": None}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the checks of the compiler on: an access out of bounds ends it with a report."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    program = tmp_path_factory.mktemp("portal") / "portal"
    sources = sorted(map(str, SOURCES.glob("*.c")))
    checks = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    subprocess.run(["cc", *WARNINGS, *checks, "-o", str(program), *sources], check=True)
    return program


@contextlib.contextmanager
def started(portal: Path) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A portal as a plain process, and the keeper's end of its channel."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with theirs:
        process = subprocess.Popen(
            [str(portal), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
            env={"ASAN_OPTIONS": "detect_leaks=0"},
        )
    try:
        yield ours, process
    finally:
        ours.close()
        _, report = process.communicate(timeout=20)
        assert b"Sanitizer" not in report, report.decode()
        assert b"runtime error" not in report, report.decode()


@contextlib.contextmanager
def ready(portal: Path) -> Iterator[socket.socket]:
    """One that has handed out its sockets."""
    with started(portal) as (channel, _):
        frames.send(channel, SETTINGS)
        received = frames.receive(channel)
        assert received is not None
        message, descriptors = received
        assert message["type"] == "ready"
        assert message["gates"][0][0] == "egress"
        for descriptor in descriptors:
            os.close(descriptor)
        yield channel


def ask(channel: socket.socket, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            frames.send(channel, {"type": "probe", "questions": asked}, (theirs.fileno(),))
        ours.settimeout(20)
        report = b"".join(iter(lambda: ours.recv(1 << 16), b""))
    answers: list[dict[str, Any]] = json.loads(report)
    return answers


def test_it_compiles_for_users_without_a_warning(portal: Path) -> None:
    assert portal.exists()


def test_both_probes_say_the_same_of_the_same_machine(portal: Path, tmp_path: Path) -> None:
    asked = questions(shared_plan(tmp_path / "one"), own_addresses=own_addresses(), resolvers=resolvers())
    elsewhere = ("answers", "processes", "tcp", "udp")  # no gate here, processes come and go, and this is no sealed network
    asked = [one for one in asked if one["try"] not in elsewhere or one.get("host") == "127.0.0.1"]
    with ready(portal) as channel:
        by_c = {one["id"]: (one["outcome"], one["errno"]) for one in ask(channel, asked)}
    by_python = {one["id"]: (one["outcome"], one["errno"]) for one in json.loads(probe.answer(asked))}
    assert by_c == by_python
    assert len({outcome for outcome, _ in by_c.values()}) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=20))
def test_every_text_comes_back_as_it_was(portal: Path, names: list[str]) -> None:
    with ready(portal) as channel:
        answers = ask(channel, [{"id": name, "try": "exists", "path": "/none", "closed": []} for name in names])
    assert [one["id"] for one in answers] == names


def test_bytes_that_are_no_text_come_back_as_they_were(portal: Path) -> None:
    name = os.fsdecode(b"\xff\x80-\xc3-end")
    with ready(portal) as channel:
        assert [one["id"] for one in ask(channel, [{"id": name, "try": "exists", "path": "/none"}])] == [name]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}x",
        b'{"a":}',
        b'{"a" 1}',
        b'{"a":1,}',
        b'{"type":"\\ud800"}',
        b'{"type":"\\u12"}',
        b'{"type":"a\nb"}',
        b'{"a":1e5}',
        b'{"a":99999999999999999999}',
        b'{"a":nul}',
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a":"\\',
        b'"',
    ],
)
def test_what_is_no_message_ends_it(portal: Path, body: bytes) -> None:
    with started(portal) as (channel, process):
        frames.send(channel, SETTINGS)
        received = frames.receive(channel)
        assert received is not None
        os.close(received[1][0])
        channel.sendall(len(body).to_bytes(4, "big") + body)
        assert process.wait(20) == 0


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.from_regex(rb'\{"type":"(start|probe|signal)",[\[\]{}",:a-z0-9\\]{0,60}\}', fullmatch=True))
def test_no_message_harms_it(portal: Path, body: bytes) -> None:
    with started(portal) as (channel, _), contextlib.suppress(OSError):
        frames.send(channel, SETTINGS)
        channel.sendall(len(body).to_bytes(4, "big") + body)
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(1 << 16):
            pass


@pytest.mark.parametrize("length", [16 * 1024 * 1024 + 1, 0xFFFFFFFF])
def test_an_overlong_frame_ends_it(portal: Path, length: int) -> None:
    with started(portal) as (channel, process):
        channel.sendall(length.to_bytes(4, "big"))
        assert process.wait(20) == 0


def test_a_start_without_its_descriptors_is_refused(portal: Path) -> None:
    with ready(portal) as channel:
        frames.send(channel, {"type": "start", "argv": ["true"], "env": [], "cwd": "/"})
        received = frames.receive(channel)
        assert received is not None
        assert received[0] == {"type": "refused", "errno": 22}


SHOW_FILTERS = ["/bin/sh", "-c", "grep Seccomp_filters: /proc/self/status; unshare -U true 2>&1 || echo refused"]


def filtered_output(channel: socket.socket) -> bytes:
    """What a command prints that runs below a portal with our filter."""
    machine = filter_for(os.uname().machine)
    assert machine is not None
    frames.send(channel, SETTINGS | {"filter": machine.hex()})
    received = frames.receive(channel)
    assert received is not None
    for descriptor in received[1]:
        os.close(descriptor)
    life, theirs = socket.socketpair()
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    message = {"type": "start", "argv": SHOW_FILTERS, "cwd": "/", "env": [["PATH", "/usr/bin:/bin"]]}
    frames.send(channel, message, (theirs.fileno(), null, write, write))
    for descriptor in (write, null):
        os.close(descriptor)
    theirs.close()
    with open(read, "rb") as file:
        printed = file.read()
    life.close()
    return printed


def test_both_portals_hold_the_filter_that_they_are_given(portal: Path) -> None:
    before = Path("/proc/self/status").read_text().partition("Seccomp_filters:\t")[2].split()[0]
    expected = f"Seccomp_filters:\t{int(before) + 1}\n".encode()
    with started(portal) as (channel, _):
        printed = filtered_output(channel)
    assert printed.startswith(expected)
    assert printed.endswith(b"refused\n")
    ours, theirs = socket.socketpair()
    source = str(Path(str(guest.__file__)).parents[2])
    code = f"import sys; sys.path.insert(0, {source!r}); from bot_bottle.guest.portal import main; main()"
    with theirs:
        argv = [sys.executable, "-I", "-S", "-c", code, str(theirs.fileno())]
        process = subprocess.Popen(argv, pass_fds=(theirs.fileno(),))
    with ours:
        ours.settimeout(20)
        assert filtered_output(ours) == printed
    process.wait(20)


@pytest.mark.parametrize("text", ["", "00", "zz" * 8, "00" * 7, 7, "00" * 8 * 5000])
def test_a_filter_that_is_none_ends_it(portal: Path, text: object) -> None:
    with started(portal) as (channel, process):
        frames.send(channel, SETTINGS | {"filter": text})
        assert frames.receive(channel) is None
        assert process.wait(20) == 1


def test_it_knocks_where_no_descriptor_is_inherited(portal: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        door.listen(1)
        door.settimeout(20)
        process = subprocess.Popen([str(portal), str(tmp_path / "door")], env={"ASAN_OPTIONS": "detect_leaks=0"})
        channel, _ = door.accept()
    with channel:
        channel.settimeout(20)
        frames.send(channel, SETTINGS)
        received = frames.receive(channel)
        assert received is not None
        for descriptor in received[1]:
            os.close(descriptor)
    assert process.wait(20) == 0


@pytest.mark.parametrize("name", ["/no/such/door", "/" + "x" * 200])
def test_a_door_that_is_not_there_ends_it(portal: Path, name: str) -> None:
    done = subprocess.run([str(portal), name], env={}, capture_output=True, timeout=20, check=False)
    assert done.returncode == 1
    assert name.encode() in done.stderr


class Relayed:
    """A command on a terminal whose bytes the portal relays, as on a backend whose kernel is another one."""

    def __init__(self, channel: socket.socket, script: str) -> None:
        self.channel = channel
        self.life, life = socket.socketpair()
        self.terminal, terminal = socket.socketpair()
        self.life.settimeout(20)
        self.terminal.settimeout(20)
        message: frames.Message = {"type": "start", "argv": ["sh", "-c", script], "cwd": "/", "rows": 24, "cols": 80}
        message["env"] = [["PATH", "/usr/bin:/bin"]]
        with life, terminal:
            frames.send(channel, message, (life.fileno(), terminal.fileno()))
        received = frames.receive(channel)
        assert received is not None
        reply, descriptors = received
        assert (reply["type"], descriptors) == ("started", [])
        self.process = reply["process"]

    def until(self, words: bytes) -> bytes:
        seen = b""
        while words not in seen:
            part = self.terminal.recv(1 << 16)
            assert part, seen
            seen += part
        return seen

    def close(self) -> None:
        self.life.close()
        self.terminal.close()


@pytest.fixture
def relayed(portal: Path) -> Iterator[Callable[[str], Relayed]]:
    with ready(portal) as channel, contextlib.ExitStack() as undo:

        def start(script: str) -> Relayed:
            made = Relayed(channel, script)
            undo.callback(made.close)
            return made

        yield start


def test_relayed_terminal_echoes_and_runs(relayed: Callable[[str], Relayed]) -> None:
    one = relayed("test -t 0 && stty size && read line && echo got:$line")
    assert b"24 80" in one.until(b"24 80")
    one.terminal.sendall(b"hello\n")
    one.until(b"got:hello")
    assert one.life.recv(8) == b"0"


def test_exit_code_of_a_relayed_terminal_comes_after_all_that_was_printed(relayed: Callable[[str], Relayed]) -> None:
    one = relayed("stty -opost; head -c 700000 /dev/zero | tr '\\0' x; exit 3")
    one.life.setblocking(False)
    seen = 0
    while seen < 700_000:
        with pytest.raises(BlockingIOError):
            one.life.recv(8)
        seen += len(one.terminal.recv(1 << 12))
    one.life.settimeout(20)
    assert one.life.recv(8) == b"3"


def test_size_of_a_relayed_terminal_reaches_the_program(relayed: Callable[[str], Relayed]) -> None:
    one = relayed("trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.02; done")
    one.until(b"ready")
    frames.send(one.channel, {"type": "resize", "process": one.process, "rows": 50, "cols": 132})
    one.until(b"50 132")
    assert one.life.recv(8) == b"5"


def test_relayed_terminal_that_is_let_go_hangs_up(relayed: Callable[[str], Relayed]) -> None:
    one = relayed("echo ready; exec sleep 100")
    one.until(b"ready")
    one.terminal.close()
    assert one.life.recv(8) == b"129"


def test_relayed_terminal_that_nobody_reads_holds_up_nobody_else(relayed: Callable[[str], Relayed]) -> None:
    relayed("yes")
    other = relayed("echo quick")
    other.until(b"quick")
    assert other.life.recv(8) == b"0"


def test_program_that_reads_nothing_holds_up_only_its_own_terminal(relayed: Callable[[str], Relayed]) -> None:
    deaf = relayed("stty raw -echo; echo ready; exec sleep 100")
    deaf.until(b"ready")
    deaf.terminal.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        for _ in range(1000):
            deaf.terminal.sendall(b"x" * 10_000)
    other = relayed("echo quick")
    other.until(b"quick")
    assert other.life.recv(8) == b"0"
