"""The bundle as a process of its own: ready soon, ends with its keeper, and ends rather than go on after a crash."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire import HOST, WAIT_S, Echo, Scene, allow, read_answer

from bot_bottle.bottles.idle import take
from bot_bottle.errors import BottleError
from bot_bottle.gates.ask import ask
from bot_bottle.gates.chain import FIRST, line_of
from bot_bottle.gates.events import LOG_LIMIT
from bot_bottle.guest import frames

FULL = "The bottle's event log is full, and what cannot be recorded is not let through."
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class Running:
    """A started bundle and the keeper's end of its link."""

    def __init__(self, stage: Scene, config: dict[str, Any], *, secrets: dict[str, str] | None = None) -> None:
        self.folder = stage.folder
        self.ca = stage.ca
        self.link, other = socket.socketpair()
        self.link.settimeout(WAIT_S)
        self.errors = (stage.folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            (sys.executable, "-m", "bot_bottle.gates.bundle", "--link-fd", str(other.fileno())),
            pass_fds=(other.fileno(),),
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=self.errors,
        )
        other.close()
        (stage.folder / "bundle.json").write_text(json.dumps(config))
        frames.send(self.link, {"type": "start", "config": str(stage.folder / "bundle.json"), "secrets": secrets or {}})

    def listen(self, *gates: str) -> int:
        """Hand over one listening socket per gate; the port of the first."""
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in gates]
        frames.send(self.link, {"type": "listen", "gates": list(gates)}, tuple(one.fileno() for one in listeners))
        port: int = listeners[0].getsockname()[1]
        for listener in listeners:
            listener.close()
        return port

    def says(self) -> dict[str, Any]:
        """What it says on the link; empty at its end. What it asks to be trusted is then trusted."""
        received = frames.receive(self.link)
        said = received[0] if received else {}
        if "authority" in said:
            self.ca.write_text(said["authority"])
        return said

    def ended(self) -> int:
        """Its exit code."""
        return self.process.wait(WAIT_S)

    def close(self) -> None:
        """End it, if it has not ended."""
        self.link.close()
        self.process.kill()
        self.process.wait(WAIT_S)
        self.errors.close()


def config_of(stage: Scene) -> dict[str, Any]:
    return {
        "slug": "bottle",
        "stage_dir": str(stage.folder),
        "events": str(stage.folder / "events.jsonl"),
        "control": str(stage.folder / "bundle.sock"),
        "gates": {"egress": stage.plan(allow()).config()},
    }


@pytest.fixture
def running(stage: Scene) -> Iterator[Running]:
    stage.serve(Echo())
    one = Running(stage, config_of(stage))
    stage.port = one.listen("egress")
    yield one
    one.close()


def test_it_serves_once_it_is_ready(stage: Scene, running: Running) -> None:
    assert running.says() == {"type": "ready", "gates": ["egress"], "authority": running.ca.read_text()}
    assert stage.ask(GET).status == 200
    control = stage.folder / "bundle.sock"
    assert control.stat().st_mode & 0o777 == 0o600
    assert ask(control, {"gate": "egress", "op": "traffic"})["allow"] == 1
    events = [json.loads(line) for line in (stage.folder / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["decision", "done"]
    assert [event["seq"] for event in events] == [1, 2]
    assert (stage.folder / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_it_ends_with_its_keeper_and_every_connection_with_it(stage: Scene, running: Running) -> None:
    assert running.says()["type"] == "ready"
    with stage.open() as connection:
        connection.sendall(GET)
        assert read_answer(connection).status == 200
        running.link.close()
        assert running.ended() == 0
        assert connection.recv(1) == b""


def test_it_ends_when_its_keeper_is_gone_before_it_starts(stage: Scene) -> None:
    one = Running(stage, config_of(stage))
    one.link.close()
    assert one.ended() == 0
    one.close()


BROKEN = {
    "no such gate": {"gates": {"other": {}}},
    "no gates": {"gates": None},
    "no rules": {"gates": {"egress": {}}},
    "no folder": {"stage_dir": None},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_config_it_cannot_read_is_never_served(stage: Scene, change: dict[str, Any]) -> None:
    one = Running(stage, config_of(stage) | change)
    said = one.says()
    assert said.get("type", "failed") == "failed"
    assert one.ended() == 1
    one.close()


def test_a_socket_for_no_gate_is_refused(stage: Scene) -> None:
    one = Running(stage, config_of(stage))
    one.listen("egress", "git-gate")
    assert one.says()["what"] == "There is a socket for 'git-gate', but no such gate."
    assert one.ended() == 1
    one.close()


def test_a_log_that_cannot_be_written_ends_it(stage: Scene) -> None:
    stage.serve(Echo())
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    one = Running(stage, config_of(stage) | {"events": "/dev/full"})
    stage.port = one.listen("egress")
    assert one.says()["type"] == "ready"
    with stage.open() as connection:
        connection.sendall(GET)
        read_answer(connection)
    assert one.ended() == 1
    one.close()


def test_a_log_at_its_limit_ends_it_and_says_so(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    config = config_of(stage)
    with open(config["events"], "wb") as log:
        line = line_of({"gate": "egress"}, prev=FIRST, seq=1, now=0.0)
        log.seek(LOG_LIMIT - 100 - len(line))  # a hole in the file: it takes no space
        log.write(b"\n" + line)
    one = Running(stage, config)
    stage.port = one.listen("egress")
    assert one.says()["type"] == "ready"
    with stage.open() as connection:
        connection.sendall(GET)
        read_answer(connection)
    assert one.says() == {"type": "failed", "what": FULL, "facts": ["it may hold 1024 MiB"]}
    assert one.ended() == 1
    one.close()
    assert FULL in (stage.folder / "stderr").read_text()
    assert Path(config["events"]).stat().st_size <= LOG_LIMIT


def test_the_roots_that_the_operator_named_are_the_gates(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.serve(Echo())
    monkeypatch.setenv("XDG_STATE_HOME", str(stage.folder / "state"))
    monkeypatch.setenv("SSL_CERT_FILE", stage.servers_ca.name)
    monkeypatch.chdir(stage.folder)
    config = config_of(stage)
    config["gates"]["egress"]["upstream"]["ca"] = []
    (stage.folder / "bundle.json").write_text(json.dumps(config))
    idle = take()
    try:
        frames.send(idle.channel, {"type": "start", "config": str(stage.folder / "bundle.json"), "secrets": {}})
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stage.port = listener.getsockname()[1]
            frames.send(idle.channel, {"type": "listen", "gates": ["egress"]}, (listener.fileno(),))
        received = frames.receive(idle.channel)
        assert received is not None
        assert received[0]["type"] == "ready"
        stage.ca.write_text(received[0]["authority"])
        assert stage.ask(GET).status == 200
    finally:
        idle.end()


def test_a_killed_bundle_lets_nothing_out(stage: Scene, running: Running) -> None:
    assert running.says()["type"] == "ready"
    with stage.open() as connection:
        running.process.send_signal(signal.SIGKILL)
        running.ended()
        with contextlib.suppress(OSError):
            connection.sendall(GET)
            assert not connection.recv(1)
    with pytest.raises(OSError, match="refused"):
        stage.dial()


def test_its_memory_and_secrets_are_out_of_reach_of_its_own_user(stage: Scene, running: Running) -> None:
    assert running.says()["type"] == "ready"
    status = Path(f"/proc/{running.process.pid}")
    assert (status / "mem").stat().st_uid == 0
    limits = (status / "limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4] == "0"


def test_the_control_socket_answers_nonsense_and_goes_on(stage: Scene, running: Running) -> None:
    assert running.says()["type"] == "ready"
    control = stage.folder / "bundle.sock"
    assert ask(control, {"gate": "nothing"})["error"] == "no such gate"
    assert ask(control, {"gate": "egress", "op": "nothing"})["error"] == "no such operation"
    for raw in (b"\xff\xff\xff\xff", b"\0\0\0\2{]", b"\0\0\0\2[]", b""):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(control))
            channel.sendall(raw)
            channel.shutdown(socket.SHUT_WR)
            assert channel.recv(100) == b""
    assert ask(control, {"gate": "egress", "op": "traffic"})["ok"] is True


def test_a_control_socket_without_bundle_is_said_to_be_silent(tmp_path: Path) -> None:
    with pytest.raises(BottleError, match="do not answer"):
        ask(tmp_path / "bundle.sock", {})


def test_it_stays_small_and_flat(stage: Scene, running: Running) -> None:
    assert running.says()["type"] == "ready"

    def memory() -> int:
        for line in Path(f"/proc/{running.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
        raise AssertionError("no Pss")

    if os.getuid():
        pytest.skip("only root may read the memory map of a protected process")
    with stage.open() as connection:
        for _ in range(200):
            connection.sendall(GET)
            assert read_answer(connection).status == 200
        before = memory()
        for _ in range(2000):
            connection.sendall(GET)
            assert read_answer(connection).status == 200
        assert memory() - before < 1024
    assert before < 45 * 1024
