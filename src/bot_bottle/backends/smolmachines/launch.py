"""Carries a SmolmachinesBottlePlan out: the gates' sockets, the artifact, the machine, its keeper's line. Undone in reverse.

The machine ends when the keeper's line closes, so it does not outlive a killed keeper; what the engine still knows of it then is
removed by `clean`.
"""

import contextlib
import os
import select
import shutil
import socket
import struct
import time
from collections.abc import Iterator, Sequence

from bot_bottle.backends.base import BundleLink, RunningBottle
from bot_bottle.backends.guest_programs import forwarder_path, machine_path, ready_program
from bot_bottle.backends.placeholders import placed
from bot_bottle.backends.smolmachines.artifact import ready_artifact
from bot_bottle.backends.smolmachines.client import (
    Failure,
    classify,
    create_words,
    explain,
    machine_words,
    read_started,
    read_status,
)
from bot_bottle.backends.smolmachines.engine import Engine, ready_engine
from bot_bottle.backends.smolmachines.journal import note, strike
from bot_bottle.backends.smolmachines.machine import Host, Machine, settings_of
from bot_bottle.backends.smolmachines.plan import Door, FromArtifact, NotMade, SmolmachinesBottlePlan
from bot_bottle.errors import BottleError
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.run import Command, Finished, Run, run
from bot_bottle.host.sockets import bind_at
from bot_bottle.plans.gate import GATE_PORTS
from bot_bottle.record import replace

CREATE_TIMEOUT_S = 120.0
START_TIMEOUT_S = 300.0
"""A first start unpacks the engine's own files; under software emulation of the processor that took two minutes."""

STOP_TIMEOUT_S = 60.0
LINE_TIMEOUT_S = 60.0
END_TIMEOUT_S = 2.0
BACKLOG = 1024


@contextlib.contextmanager
def launch(plan: SmolmachinesBottlePlan, link: BundleLink, *, run: Run = run) -> Iterator[RunningBottle]:
    """A sealed bottle whose gates' sockets are with the bundle."""
    with contextlib.ExitStack() as undo:
        if isinstance(plan.machine_image, NotMade):
            raise BottleError("The machine's image is not made yet.", facts=(plan.machine_image.origin,))
        undo.enter_context(placed(plan.placeholders, stage_dir=plan.stage_dir))
        ready_engine(Engine(program=plan.engine.program, version=plan.engine.version, library=plan.engine.library))
        make_private_folder(plan.engine.state)
        give(plan)
        if isinstance(plan.machine_image, FromArtifact):
            ready_artifact(plan.engine, plan.machine_image, run=run)
        listeners = undo.enter_context(listening(plan))
        note(plan)
        hosts: list[Host] = []
        undo.callback(end, hosts)
        undo.callback(remove, plan, hosts=hosts, run=run)
        create(plan, run=run)
        pid = start(plan, run=run) or process_of(plan, run=run)
        host = Host(pid)
        hosts.append(host)
        keeper = accept(listeners["keeper"], host)
        undo.callback(keeper.close)
        gates = {name: listener.fileno() for name, listener in listeners.items() if name in GATE_PORTS}
        link.pass_sockets(gates, peer=pid)
        machine = Machine(with_addresses(plan), host, keeper, run=run)
        undo.callback(machine.close)
        yield machine


def end(hosts: list[Host]) -> None:
    """Once the engine has removed the machine, its process is gone; if it is not, the kernel is told to."""
    for host in hosts:
        if not select.select([host.alive], [], [], END_TIMEOUT_S)[0]:
            host.kill()
        host.close()


def give(plan: SmolmachinesBottlePlan) -> None:
    """Fill the folders that the machine sees: our programs, its certificates, what it reads first."""
    given = plan.given
    for name, path in (
        ("forwarder", ready_program(forwarder_path())),
        ("machine", ready_program(machine_path())),
    ):
        shutil.copyfile(path, given / name)
        (given / name).chmod(0o755)
    (given / "ca.pem").unlink(missing_ok=True)
    os.link(plan.ca_bundle_file, given / "ca.pem")  # filled in place while the machine starts
    keeper = next(door for door in plan.doors if door.port is None)
    write_file(given / "machine.json", settings_of(plan, keeper=keeper.guest_path), mode=0o644)
    for left in (*plan.told.glob("*"), *(given / "commands").glob("*")):
        left.unlink()
    plan.told.mkdir(exist_ok=True, mode=0o755)
    if plan.user.gives_files:
        give_files(plan)


def give_files(plan: SmolmachinesBottlePlan) -> None:
    """Give the copies to the bottle's user. Links are given, not followed."""
    places = [plan.home_dir, *([plan.workspace_dir] if plan.spec.workspace.mode != "bind" else [])]
    for place in places:
        for folder, folders, files in os.walk(place):
            for path in (folder, *(os.path.join(folder, name) for name in (*folders, *files))):
                os.chown(path, plan.user.uid, plan.user.gid, follow_symlinks=False)


@contextlib.contextmanager
def listening(plan: SmolmachinesBottlePlan) -> Iterator[dict[str, socket.socket]]:
    """The doors' sockets, gone afterwards. Only the operator can enter the folder; who knocks is checked all the same."""
    with contextlib.ExitStack() as undo:
        made = {}
        for door in plan.doors:
            made[door.name] = listener = undo.enter_context(socket.socket(socket.AF_UNIX))
            make_private_folder(door.host_path.parent)
            bind_at(listener, str(door.host_path), mode=0o600)
            undo.callback(unbind, door)
            listener.listen(BACKLOG)
        yield made


def unbind(door: Door) -> None:
    """The path is free again."""
    door.host_path.unlink(missing_ok=True)


def create(plan: SmolmachinesBottlePlan, *, run: Run) -> None:
    """Make the machine. One of its name is what a killed launch of this bottle left, and goes first: no other has that name."""
    command = Command(argv=create_words(plan), env=dict(plan.engine.env), timeout_s=CREATE_TIMEOUT_S)
    done = run(command)
    if done.code != 0 and failure_of(done).cause == "exists":
        remove(plan, run=run)
        note(plan)
        done = run(command)
    if done.code != 0:
        raise explain("The machine could not be made.", failure_of(done))


def ask(plan: SmolmachinesBottlePlan, argv: tuple[str, ...], what: str, *, timeout_s: float, run: Run) -> Finished:
    """One engine command that must work."""
    done = run(Command(argv=argv, env=dict(plan.engine.env), timeout_s=timeout_s))
    if done.code != 0:
        raise explain(what, failure_of(done))
    return done


def failure_of(done: Finished) -> Failure:
    """Why it failed."""
    return classify(done.code, done.stderr.decode(errors="replace"))


def start(plan: SmolmachinesBottlePlan, *, run: Run) -> int | None:
    """Start the machine; once more when what went wrong may pass. What a failed start left is stopped first.

    The machine's process, when the engine says it. It is believed once the keeper's line comes from that process.
    """
    command = Command(argv=machine_words(plan, "start"), env=dict(plan.engine.env), timeout_s=START_TIMEOUT_S)
    done = run(command)
    if done.code != 0 and failure_of(done).is_passing:
        stop(plan, run=run)
        done = run(command)
    if done.code != 0:
        raise explain("The machine did not start.", failure_of(done))
    return read_started(done.stdout.decode(errors="replace"), plan.machine_name)


def process_of(plan: SmolmachinesBottlePlan, *, run: Run) -> int:
    """The machine's process on this host."""
    what = "The machine's state cannot be read."
    done = ask(plan, machine_words(plan, "status", "--json"), what, timeout_s=STOP_TIMEOUT_S, run=run)
    status = read_status(done.stdout.decode(errors="replace"))
    if status is None or status.pid is None or status.name != plan.machine_name:
        raise BottleError("The machine does not run.", facts=(f"it is {status.state}" if status else "its state is no JSON",))
    return status.pid


def accept(listener: socket.socket, host: Host) -> socket.socket:
    """The line from inside, once the machine is ready. Nobody but the machine's own process can have it."""
    deadline = time.monotonic() + LINE_TIMEOUT_S
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([listener.fileno(), host.alive], [], [], left)
        if host.alive in ready:
            raise BottleError("The machine ended while it was made ready.", next="`bot-bottle doctor` looks at the engine.")
        if not ready:
            break
        line, _ = listener.accept()
        if peer_of(line) == host.pid:
            line.settimeout(max(1.0, left))
            if line.recv(64).startswith(b"ready"):
                return line
        line.close()
    raise BottleError("The machine was not made ready in time.", facts=(f"{LINE_TIMEOUT_S:g} s",))


def peer_of(connection: socket.socket) -> int:
    """The process at the other end (unix(7), SO_PEERCRED)."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", packed)[0])


def with_addresses(plan: SmolmachinesBottlePlan) -> SmolmachinesBottlePlan:
    """The plan with what is true now that the machine runs: where its gates are, as the agent reaches them."""
    there = {door.name: f"127.0.0.1:{door.port}" for door in plan.doors if door.port is not None}
    return replace(
        plan,
        agent_proxy_url=f"http://{there['egress']}",
        agent_git_gate_host=there.get("git-gate", ""),
        agent_supervise_url=f"http://{there['supervise']}/mcp" if "supervise" in there else "",
    )


def stop(plan: SmolmachinesBottlePlan, *, run: Run) -> Finished:
    """Stop the machine at once; it can be started again."""
    argv = machine_words(plan, "stop", "--timeout", "0")
    return run(Command(argv=argv, env=dict(plan.engine.env), timeout_s=STOP_TIMEOUT_S))


def remove(plan: SmolmachinesBottlePlan, *, run: Run, hosts: Sequence[Host] = ()) -> None:
    """The machine and all that it wrote. BottleError when that cannot be made sure of.

    The engine asks what is inside to end, but keeps a machine that does not. Then its process is killed, and it is told again.
    """
    argv, env = machine_words(plan, "delete", "-f"), dict(plan.engine.env)
    try:
        remove_machine(plan.machine_name, argv=argv, env=env, run=run)
    except BottleError:
        if not hosts:
            raise
        for host in hosts:
            host.kill()
            select.select([host.alive], [], [], END_TIMEOUT_S)
        remove_machine(plan.machine_name, argv=argv, env=env, run=run)
    strike(plan.stage_dir)


def remove_machine(name: str, *, argv: tuple[str, ...], env: dict[str, str], run: Run) -> None:
    """Delete it; that it is not there is as good."""
    done = run(Command(argv=argv, env=env, timeout_s=STOP_TIMEOUT_S))
    if done.code != 0 and failure_of(done).cause != "not found":
        raise explain(f"The machine {name} may be left.", failure_of(done))
