"""What only a machine has: its own kernel, the engine's agent inside, a process on the host that nobody inside controls."""

import os
import select
import socket
import threading
from pathlib import Path

import pytest
from plans import PATIENCE, run_inside

from bot_bottle.backends.smolmachines.client import machine_words, ours, read_list, words
from bot_bottle.backends.smolmachines.launch import process_of, stop
from bot_bottle.backends.smolmachines.machine import Machine
from bot_bottle.bottles.contain import judge, questions
from bot_bottle.gates.peers import OnlyFrom
from bot_bottle.host.addresses import own_addresses, resolvers
from bot_bottle.host.run import run

AGENT_OF_THE_ENGINE = 6000
"""The port of AF_VSOCK on which the engine's own program in the machine takes orders; it is root there."""

REACH_VSOCK = """
import socket
for cid in (0, 1, 2, 3):
    try:
        channel = socket.socket(40, socket.SOCK_STREAM)
        channel.settimeout(2)
        channel.connect((cid, {port}))
        print('REACHED', cid)
    except OSError as error:
        print(error.errno)
"""


def python(machine: Machine, script: str) -> str:
    """What a Python script prints inside, both streams."""
    ended = run_inside(machine, "/usr/bin/python3", "-c", script)
    return (ended.stdout + ended.stderr).decode(errors="replace")


@pytest.fixture
def gate(link) -> socket.socket:  # type: ignore[no-untyped-def]  # conftest's NotedPeer cannot be imported from here
    """The egress gate's listening socket."""
    listener: socket.socket = link.sockets["egress"]
    listener.settimeout(30 * PATIENCE)
    return listener


def test_probe_finds_no_hole(machine: Machine, gate: socket.socket) -> None:
    def answer() -> None:
        channel, _ = gate.accept()
        with channel:
            channel.recv(1000)
            channel.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            channel.shutdown(socket.SHUT_WR)
            channel.recv(1)

    answering = threading.Thread(target=answer)
    answering.start()
    asked = questions(machine.plan, own_addresses=own_addresses(), resolvers=resolvers())
    answers = machine.probe(asked, timeout_s=60)
    answering.join()
    assert len(asked) > 40
    assert judge(asked, answers) == ()


def test_kernel_is_not_the_hosts(machine: Machine) -> None:
    inside = run_inside(machine, "cat", "/proc/sys/kernel/random/boot_id").stdout.decode().strip()
    assert len(inside) == 36
    assert inside != Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_only_the_loopback_is_there(machine: Machine) -> None:
    assert run_inside(machine, "ls", "/sys/class/net").stdout.split() == [b"lo"]


def test_engines_own_agent_cannot_be_reached_from_inside(machine: Machine) -> None:
    # without the filter, whoever is inside reaches it over the machine's own vsock, and it runs commands as root
    printed = python(machine, REACH_VSOCK.format(port=AGENT_OF_THE_ENGINE))
    assert "REACHED" not in printed
    assert printed.split() == ["97"] * 4  # EAFNOSUPPORT, from the filter


def test_commands_have_no_capability_and_can_gain_none(machine: Machine) -> None:
    status = run_inside(machine, "cat", "/proc/self/status").stdout.decode()
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {found[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (found["NoNewPrivs"].strip(), found["Seccomp"].strip()) == ("1", "2")
    assert "0" not in found["Uid"].split()


ATTACKS = {
    "kill what keeps it sealed": "kill -9 1 2 3 4 5 2>&1; kill -0 1 2>&1",
    "read the numbers of its processes": "ls /run/bot-bottle-ran 2>&1",
    "report an exit code of its own": "echo 0 > /run/bot-bottle-told/77 2>&1",
    "change the programs": "echo x > /run/bot-bottle/machine 2>&1",
    "change what a command is": "echo x > /run/bot-bottle/commands/1.json 2>&1",
    "become root": "su -c id 2>&1; mount -t tmpfs x /mnt 2>&1; unshare -r id 2>&1",
    "read its own disks": "head -c 10 /dev/vda 2>&1",
    "write where the engine keeps the machine's layers": "echo x > /storage/overlays/x 2>&1",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_bottles_user_cannot(machine: Machine, attack: str) -> None:
    ended = run_inside(machine, "sh", "-c", attack)
    refusals = (b"ermitted", b"ermission denied", b"Read-only", b"No such file", b"cannot", b"Authentication", b"uthenticat")
    assert ended.code != 0 or any(one in ended.stdout for one in refusals), ended
    assert b"uid=0" not in ended.stdout
    assert machine.is_alive()
    assert run_inside(machine, "true").code == 0


def test_gates_see_the_machines_process(machine: Machine, link, gate: socket.socket) -> None:  # type: ignore[no-untyped-def]
    assert link.peer == process_of(machine.plan, run=run)
    listener = OnlyFrom(os.dup(gate.fileno()), link.peer)
    with listener, socket.socket(socket.AF_UNIX) as stranger:
        listener.setblocking(False)
        stranger.connect(str(next(door.host_path for door in machine.plan.doors if door.name == "egress")))
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert stranger.recv(1) == b""  # dropped, unread
    gate.setblocking(True)
    gate.settimeout(30 * PATIENCE)


def test_long_answer_arrives_whole_though_the_gate_is_done(machine: Machine, gate: socket.socket) -> None:
    size = 3_000_000

    def answer() -> None:
        channel, _ = gate.accept()
        with channel:
            channel.recv(100)
            channel.sendall(b"x" * size)
            channel.shutdown(socket.SHUT_WR)
            while channel.recv(4096):
                pass

    answering = threading.Thread(target=answer)
    answering.start()
    printed = python(
        machine,
        "import socket; s = socket.create_connection(('127.0.0.1', 3128)); s.sendall(b'go'); n = 0\n"
        "while part := s.recv(65536): n += len(part)\nprint(n)",
    )
    answering.join()
    assert printed.split() == [str(size)]


def test_plan_knows_the_addresses_once_it_runs(machine: Machine) -> None:
    assert machine.plan.agent_proxy_url == "http://127.0.0.1:3128"
    assert (machine.plan.agent_git_gate_host, machine.plan.agent_supervise_url) == ("", "")


def test_machine_is_listed_as_this_bottles(machine: Machine) -> None:
    done = machine.engine(*words(machine.plan.engine, "machine", "ls", "--json"), timeout_s=60 * PATIENCE)
    machines = read_list(done.stdout.decode())
    assert machines is not None
    found = ours(machines, stage=str(machine.plan.stage_dir))
    assert [(one.name, one.state) for one in found] == [(machine.plan.machine_name, "running")]


def test_stopped_machine_starts_again_with_its_disk_and_its_seal(machine: Machine) -> None:
    assert run_inside(machine, "sh", "-c", "echo kept > /tmp/kept; echo kept > ~/kept").code == 0
    assert stop(machine.plan, run=run).code == 0
    assert machine.engine(*machine_words(machine.plan, "start"), timeout_s=300).code == 0
    assert process_of(machine.plan, run=run) > 1
    assert (machine.plan.stage_dir / "home" / "kept").read_text() == "kept\n"
    assert stop(machine.plan, run=run).code == 0


def test_machine_ends_when_its_keeper_does(launch) -> None:  # type: ignore[no-untyped-def]
    other, _ = launch("orphan")
    other.let_go()  # as the kernel does for a keeper that is killed
    assert select.select([other.fileno()], [], [], 10 * PATIENCE)[0]
    assert not other.is_alive()
