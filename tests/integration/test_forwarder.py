"""The guest forwarder as the program it is: every byte arrives, ends are told both ways, and nobody can hold it up."""

import hashlib
import os
import random
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from bot_bottle.backends import guest_programs

MOST_CONNECTIONS = 256


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled with this machine's C compiler: Zig's takes most of a minute the first time."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    made = tmp_path_factory.mktemp("forwarder") / "forwarder"
    words = [compiler, *guest_programs.FLAGS, "-o", str(made), str(guest_programs.SOURCE)]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    return made


class Gate:
    """A listening Unix socket, and a forwarder in front of it."""

    def __init__(self, program: Path, folder: Path, *, backlog: int = 512) -> None:
        self.path = folder / "gate.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(20)
        self.listener.bind(str(self.path))
        self.listener.listen(backlog)
        self.port = free_port()
        self.process = started(program, f"{self.port}={self.path}")

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A client, and what the gate accepted for it."""
        client = self.client()
        accepted, _ = self.listener.accept()
        accepted.settimeout(20)
        return client, accepted

    def close(self) -> None:
        self.listener.close()
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def started(program: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A forwarder that listens."""
    ready, report = os.pipe()
    process = subprocess.Popen([program, "--ready-fd", str(report), *words], pass_fds=(report,))
    os.close(report)
    with open(ready, "rb") as file:
        assert file.read() == b"ready\n"
    return process


@pytest.fixture
def gate(program: Path, tmp_path: Path) -> Iterator[Gate]:
    made = Gate(program, tmp_path)
    yield made
    made.close()


def read_all(channel: socket.socket) -> bytes:
    return b"".join(iter(lambda: channel.recv(1 << 16), b""))


def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fill(channel: socket.socket) -> int:
    """Send until nothing more is taken, for the other end reads nothing; how much was."""
    sent = 0
    with suppress(TimeoutError):
        while True:
            sent += channel.send(b"x" * 100_000)
    return sent


def descriptors(process: "subprocess.Popen[bytes]") -> int:
    try:
        return len(os.listdir(f"/proc/{process.pid}/fd"))
    except PermissionError:
        pytest.skip("the forwarder hides its descriptors from its own user; root sees them")


def test_bytes_pass_both_ways(gate: Gate) -> None:
    client, accepted = gate.pair()
    with client, accepted:
        client.sendall(b"question")
        assert accepted.recv(100) == b"question"
        accepted.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_end_of_the_client_reaches_the_gate_and_the_answer_still_comes(gate: Gate) -> None:
    client, accepted = gate.pair()
    with client, accepted:
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        assert read_all(accepted) == b"all of it"
        accepted.sendall(b"late answer")
        accepted.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"late answer"


def test_end_of_the_gate_reaches_the_client_that_may_still_send(gate: Gate) -> None:
    client, accepted = gate.pair()
    with client, accepted:
        accepted.sendall(b"first word")
        accepted.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"first word"
        client.sendall(b"last word")
        client.shutdown(socket.SHUT_WR)
        assert read_all(accepted) == b"last word"


def test_answer_of_a_gate_that_closes_at_once_arrives_whole(gate: Gate) -> None:
    answer = os.urandom(3_000_000)
    client, accepted = gate.pair()
    with client:

        def reply() -> None:
            accepted.sendall(answer)
            accepted.close()

        threading.Thread(target=reply).start()
        assert read_all(client) == answer


def test_refusal_arrives_although_the_client_still_sends(gate: Gate) -> None:
    """A gate answers 403 to the head of an upload and closes: the answer must not be lost in a reset."""
    for _ in range(20):
        client, accepted = gate.pair()
        with client:
            client.sendall(b"x" * 500_000)
            assert accepted.recv(10) == b"x" * 10
            accepted.sendall(b"refused")
            accepted.close()
            assert client.recv(100) == b"refused"
            client.settimeout(0.05)
            try:
                client.sendall(b"x" * 500_000)
            except TimeoutError:
                pytest.fail("nobody takes what the client still sends")


def test_connection_ends_soon_after_its_gate_has_gone(gate: Gate) -> None:
    idle = descriptors(gate.process)
    client, accepted = gate.pair()
    accepted.close()
    assert client.recv(1) == b""  # and the client does not close
    until(lambda: descriptors(gate.process) == idle)
    client.close()


def test_client_that_resets_is_told_to_the_gate(gate: Gate) -> None:
    client, accepted = gate.pair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with accepted:
        assert accepted.recv(1) == b""
    until(lambda: descriptors(gate.process) <= 6)


def test_slow_reader_holds_its_own_connection_only(gate: Gate) -> None:
    client, accepted = gate.pair()
    accepted.settimeout(0.3)
    with client, accepted:
        fill(accepted)
        other, for_other = gate.pair()
        with other, for_other:
            other.sendall(b"quick")
            assert for_other.recv(10) == b"quick"
        before = cpu_ticks(gate.process)
        time.sleep(0.5)  # a measured span, not a wait
        assert cpu_ticks(gate.process) - before <= 5


def test_gate_that_closed_towards_a_slow_reader_does_not_spin(gate: Gate) -> None:
    client, accepted = gate.pair()
    accepted.settimeout(0.3)
    with client:
        sent = fill(accepted)
        accepted.close()
        before = cpu_ticks(gate.process)
        time.sleep(0.5)  # a measured span, not a wait
        assert cpu_ticks(gate.process) - before <= 5
        assert len(read_all(client)) == sent


def cpu_ticks(process: "subprocess.Popen[bytes]") -> int:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_no_gate_means_no_connection(gate: Gate) -> None:
    gate.listener.close()
    client = gate.client()
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""


def test_full_queue_of_a_gate_is_waited_for(program: Path, tmp_path: Path) -> None:
    gate = Gate(program, tmp_path, backlog=1)
    clients = [gate.client() for _ in range(12)]
    for number, client in enumerate(clients):
        client.sendall(bytes([number]))
    seen = set()
    for _ in clients:
        accepted, _ = gate.listener.accept()
        with accepted:
            seen.add(accepted.recv(1)[0])
    assert seen == set(range(12))
    for client in clients:
        client.close()
    gate.close()


def test_more_connections_than_its_bound_wait_their_turn(gate: Gate) -> None:
    with ExitStack() as stack:
        held = [gate.pair() for _ in range(MOST_CONNECTIONS)]
        for client, accepted in held:
            stack.enter_context(client)
            stack.enter_context(accepted)
        waiting = stack.enter_context(gate.client())
        waiting.sendall(b"me too")
        gate.listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            gate.listener.accept()
        held[7][0].close()
        held[7][1].close()
        gate.listener.settimeout(20)
        accepted = stack.enter_context(gate.listener.accept()[0])
        accepted.settimeout(20)
        assert accepted.recv(10) == b"me too"


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_every_byte_and_every_end_arrives(gate: Gate, seed: int) -> None:
    """Many connections at once, both sides sending in pieces of all sizes and ending in any order."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        ends: list[End] = []
        for _ in range(24):
            client, accepted = (stack.enter_context(one) for one in gate.pair())
            up, down = (chance.randbytes(chance.choice((0, 1, 70_000, 400_000))) for _ in range(2))
            ends += [End(client, send=up, expect=down, chance=chance), End(accepted, send=down, expect=up, chance=chance)]
        for one in ends:
            selector.register(one.channel, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
        deadline = time.monotonic() + 60
        while selector.get_map():
            assert time.monotonic() < deadline
            for key, mask in selector.select(1):
                if key.data.step(mask):
                    selector.unregister(key.fileobj)
    assert all(one.seen == hashlib.sha256(one.expect).digest() for one in ends)


class End:
    """One side of a connection, which sends all it has, says so, and reads to the end."""

    def __init__(self, channel: socket.socket, *, send: bytes, expect: bytes, chance: random.Random) -> None:
        channel.setblocking(False)
        self.channel, self.left, self.expect, self.chance = channel, send, expect, chance
        self.digest, self.seen, self.is_told = hashlib.sha256(), b"", False

    def step(self, mask: int) -> bool:
        if mask & selectors.EVENT_READ and not self.seen:
            part = self.channel.recv(self.chance.choice((1, 1000, 100_000)))
            self.digest.update(part)
            if not part:
                self.seen = self.digest.digest()
        if mask & selectors.EVENT_WRITE and self.left:
            self.left = self.left[self.channel.send(self.left[: self.chance.choice((1, 5000, 200_000))]) :]
        if not self.left and not self.is_told:
            self.channel.shutdown(socket.SHUT_WR)
            self.is_told = True
        return bool(self.seen) and self.is_told


def test_as_the_first_process_it_becomes_the_command_once_the_ports_listen(program: Path, tmp_path: Path) -> None:
    port = free_port()
    code = f"import socket, os; socket.create_connection(('127.0.0.1', {port})); print(os.getppid(), os.listdir('/proc/self/fd'))"
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "gate.sock"))
        listener.listen()
        argv = [str(program), f"{port}={tmp_path}/gate.sock", "--", sys.executable, "-I", "-c", code]
        done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
        found = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and words_of(entry)[:2] == argv[:2]]
        for process in found:
            os.kill(int(process), 9)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{os.getpid()} ['0', '1', '2', '3']\n"  # the very process; 3 is the folder that is listed
    assert len(found) == 1  # it still relays, as a child of nobody


def words_of(entry: Path) -> list[str]:
    try:
        return (entry / "cmdline").read_text().split("\0")
    except OSError:
        return []


@pytest.mark.parametrize("delay_s", [0, 0.3])
def test_command_ends_with_the_process_that_started_it_however_soon_that_ends(program: Path, delay_s: float) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.argv[1], '--die-with', str(os.getpid()), '--', 'sleep', '100'], stdout=2)\n"
        "print(child.pid, flush=True); time.sleep(float(sys.argv[2])); os._exit(0)"
    )
    argv = [sys.executable, "-I", "-c", code, str(program), str(delay_s)]
    child = int(subprocess.run(argv, capture_output=True, timeout=20, check=True).stdout)
    until(lambda: not Path(f"/proc/{child}").exists() or ") Z " in Path(f"/proc/{child}/stat").read_text())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["0=/tmp/x"], 2),
        (["65536=/tmp/x"], 2),
        (["3128="], 2),
        (["31 28=/tmp/x"], 2),
        (["3128"], 2),
        (["3128=/" + "x" * 108], 2),
        (["--ready-fd", "x", "3128=/tmp/x"], 2),
        (["--"], 2),
        ([f"{number}=/tmp/x" for number in range(40000, 40009)], 2),
        (["--die-with", "1", "--", "sleep", "100"], 1),
        (["--die-with", "0", "--", "sleep", "100"], 2),
        (["--die-with", str(os.getpid()), "--", "/no/such/program"], 127),
        (["--die-with", str(os.getpid()), "--", "/usr"], 126),
    ],
)
def test_wrong_arguments_end_it_with_a_word(program: Path, words: list[str], code: int) -> None:
    done = subprocess.run([program, *words], capture_output=True, timeout=20, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(b"forwarder: ")


def test_a_taken_port_ends_it_before_it_is_ready(program: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run([program, f"{taken.getsockname()[1]}=/tmp/x"], capture_output=True, timeout=20, check=False)
    assert done.returncode == 1


def test_it_listens_on_the_loopback_only(gate: Gate) -> None:
    table = Path(f"/proc/{gate.process.pid}/net/tcp").read_text()
    assert f"0100007F:{gate.port:04X} 00000000:0000 0A" in table
    assert f"00000000:{gate.port:04X} " not in table
