"""Client libraries and package tools that agents use, unmodified, through the gate; and what they show when they are denied."""

import gzip
import os
import shutil
import socket
import subprocess
import sys
from email.utils import formatdate
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from clients import run, serve
from wire import HOST, Scene, allow

BUILD_S = 300.0
"""Go compiles its own library when it has not yet."""


def python(stage: Scene, needs: str, program: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program that needs this library as in a bottle."""
    if find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    return run(stage, sys.executable, "-c", program, *argv)


FETCH = """
import {library} as library, sys
with library.{session}() as session:
    for path in sys.argv[2:]:
        answer = session.get("https://" + sys.argv[1] + path)
        print(answer.status_code, answer.headers.get("x-bot-bottle"), answer.text.strip().replace("\\n", ""))
"""


@pytest.mark.parametrize(("library", "session"), [("requests", "Session"), ("httpx", "Client")])
def test_pythons_http_libraries_fetch_and_show_the_denial(stage: Scene, library: str, session: str) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    program = FETCH.format(library=library, session=session)
    done = python(stage, library, program, HOST, "/allowed/x", "/other/x", "/allowed/x")
    first, denied, last = done.stdout.splitlines()
    assert first == last == "200 None content"
    assert denied.startswith("403 denied {")
    assert "/other/x" in denied


@pytest.mark.parametrize(("library", "session"), [("requests", "Session"), ("httpx", "Client")])
def test_pythons_http_libraries_show_why_a_host_is_denied(stage: Scene, library: str, session: str) -> None:
    serve(stage, {})
    done = python(stage, library, FETCH.format(library=library, session=session), "other.example.com", "/x")
    assert done.stdout.startswith("403 denied {"), done.stderr
    assert "No rule allows GET https://other.example.com/x" in done.stdout


ECHO = """
import sys
from websockets.sync.client import connect
with connect("wss://" + sys.argv[1] + "/allowed/ws") as socket:
    for text in ("hello", "x" * 100_000):
        socket.send(text)
        print(socket.recv() == text)
"""


def talk_websocket(connection: socket.socket) -> None:
    """Echo messages with the server's half of the library."""
    from websockets.frames import Frame
    from websockets.http11 import Request
    from websockets.server import ServerProtocol

    protocol = ServerProtocol()
    while part := connection.recv(65536):
        protocol.receive_data(part)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode == 1:
                protocol.send_text(bytes(event.data))
        for out in protocol.data_to_send():
            if out:
                connection.sendall(out)
        if protocol.close_expected():
            return


def test_the_websockets_library_talks_through_the_gate(stage: Scene) -> None:
    if find_spec("websockets") is None:
        pytest.skip("websockets is not installed")
    stage.serve(talk_websocket)
    stage.start(stage.plan(allow(paths=("/allowed/**",))))
    done = python(stage, "websockets", ECHO, HOST)
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert [event["verdict"] for event in stage.decisions()] == ["allow"]


GO = """
package main

import ("fmt"; "io"; "net/http"; "os")

func main() {
	for _, address := range os.Args[1:] {
		answer, err := http.Get(address)
		if err != nil { fmt.Println("failed", err); continue }
		body, _ := io.ReadAll(answer.Body)
		fmt.Println(answer.StatusCode, answer.Header.Get("X-Bot-Bottle"), len(body))
	}
}
"""


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client built by Go, from its own library alone."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(GO)
    more = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
    argv = ("go", "build", "-o", "client", "main.go")
    subprocess.run(argv, cwd=folder, env=os.environ | more, check=True, capture_output=True, timeout=BUILD_S)
    return folder / "client"


def test_a_program_built_by_go_goes_through(stage: Scene, go_program: Path) -> None:
    serve(stage, {"/allowed/x": b"content\n"})
    done = run(stage, str(go_program), f"https://{HOST}/allowed/x", f"https://{HOST}/other", "https://other.example.com/")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["200", "8"], done.stdout
    assert [row[:2] for row in rows[1:]] == [["403", "denied"]] * 2


def debian_archive() -> dict[str, bytes]:
    """The smallest archive that apt reads: a list of one package, and a Release file that vouches for the list."""
    entry = (
        "Package: small\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.com>\n"
        f"Filename: ./small.deb\nSize: 8\nSHA256: {sha256(b'content.').hexdigest()}\nDescription: small\n"
    ).encode()
    listed = {"Packages": entry, "Packages.gz": gzip.compress(entry, mtime=0)}
    sums = "".join(f" {sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in listed.items())
    release = f"Suite: test\nDate: {formatdate(usegmt=True).replace('GMT', 'UTC')}\nSHA256:\n{sums}".encode()
    files = listed | {"Release": release, "small.deb": b"content."}
    return {f"/allowed/./{name}": content for name, content in files.items()} | {
        f"/allowed/{name}": content for name, content in files.items()
    }


def apt(stage: Scene, *argv: str) -> subprocess.CompletedProcess[str]:
    """apt with folders of its own."""
    state = stage.folder / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/trusted.gpg.d"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "etc/sources.list").write_text(f"deb [trusted=yes] https://{HOST}/allowed/ ./\n")
    options = {
        "Dir::State": state / "state", "Dir::State::status": state / "status", "Dir::Cache": state / "cache",
        "Dir::Etc": state / "etc", "Dir::Etc::sourcelist": state / "etc/sources.list", "Dir::Etc::sourceparts": "-",
        "APT::Sandbox::User": "", "Acquire::https::CAInfo": stage.ca, "Acquire::Retries": "0", "Debug::NoLocking": "1",
        "Acquire::Languages": "none",
    }  # fmt: skip
    return run(stage, "apt-get", *(word for name, value in options.items() for word in ("-o", f"{name}={value}")), *argv)


def test_apt_reads_its_lists_and_downloads(stage: Scene) -> None:
    serve(stage, debian_archive())
    updated = apt(stage, "update")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    done = apt(stage, "download", "small")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (stage.folder / "small_1.0_all.deb").read_bytes() == b"content."
    assert {event["verdict"] for event in stage.decisions()} == {"allow"}
