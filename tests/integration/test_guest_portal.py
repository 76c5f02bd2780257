"""The portal that is built from C, driven over its channel as the keeper does, and beside the one in Python."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import shared_plan

from bot_bottle.backends.first_process import SOURCES
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
