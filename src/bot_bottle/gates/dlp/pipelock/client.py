"""Runs the real pipelock program and asks its scan interface. The only file that knows the program.

Trusts the program's verdicts of denial; an answer that is late, broken or not there is a denial too. It listens on loopback
with a token of this start, which other users of the host do not know and no bottle can reach.
"""

import http.client
import json
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError
from bot_bottle.gates.base import Stopped
from bot_bottle.gates.dlp.pipelock.plan import TEXT, PipelockProxyPlan
from bot_bottle.gates.dlp.records import Kind, Match
from bot_bottle.host.files import write_file
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn

OVERLAP = 8 * 1024
"""Bytes that two pieces of a long text share, so that a token across the cut is whole in one of them."""

PIECE = TEXT // 2
"""Bytes of a piece: half of what is taken, because a byte may become two in JSON."""

POLL_S = 0.02


class Pipelock:
    """One running pipelock. Its owner closes it."""

    def __init__(self, plan: PipelockProxyPlan, folder: Path) -> None:
        self._plan = plan
        self._token = secrets.token_urlsafe(32)
        self._port, proxy_port = _free_ports()
        self._config = write_file(folder / "pipelock.json", plan.render(scan_listen=f"127.0.0.1:{self._port}", token=self._token))
        argv = (str(plan.binary), "run", "-c", str(self._config), "-l", f"127.0.0.1:{proxy_port}")
        tied = shutil.which("setpriv")  # so that it never outlives us, however we end
        self._process: Process = spawn(
            LongCommand(argv=(tied, "--pdeathsig", "TERM", *argv) if tied else argv, env=plain_env(), cwd=folder)
        )
        try:
            self._wait_healthy()
        except BaseException:
            self.close()
            raise

    def _wait_healthy(self) -> None:
        """Return once it answers, and answers rightly. BottleError when it does not, in which case no bottle starts."""
        until = time.monotonic() + self._plan.start_timeout_s
        while time.monotonic() < until:
            code = self._process.poll()
            if code is not None:
                raise BottleError("pipelock ended while it started.", facts=(f"exit code {code}",), next="Try `pipelock check`.")
            try:
                clean = self._ask("dlp", {"text": "hello"})
                bait = self._ask("dlp", {"text": "AKIA" + "IOSFODNN7EXAMPLE"})
            except OSError:
                time.sleep(POLL_S)
                continue
            except Stopped as error:
                raise BottleError("pipelock does not answer as its documentation says.", facts=(error.why,)) from error
            if clean or not bait:
                raise BottleError("pipelock gives wrong verdicts on texts that are known.")
            return
        raise BottleError("pipelock did not start in time.", facts=(f"waited {self._plan.start_timeout_s:g} s",))

    def scan_url(self, url: str) -> list[Match]:
        """Its findings in a URL. One that is longer than it takes is asked about as text."""
        return self._told("url", {"url": url}) if len(url) <= TEXT // 64 else self.scan_text(url.encode())

    def scan_text(self, text: bytes) -> list[Match]:
        """Its findings in what leaves."""
        return [match for piece in _pieces(text) for match in self._told("dlp", {"text": piece})]

    def scan_answer(self, text: bytes) -> list[Match]:
        """Its findings in what arrives."""
        return [match for piece in _pieces(text) for match in self._told("prompt_injection", {"content": piece})]

    def close(self) -> None:
        """End it. Harmless when it has ended."""
        self._process.end()
        self._config.unlink(missing_ok=True)

    def _told(self, kind: str, question: dict[str, Any]) -> list[Match]:  # Any: JSON
        try:
            return self._ask(kind, question)
        except OSError as error:
            raise Stopped(
                "The engine pipelock does not answer, so nothing was sent.",
                rule="dlp pipelock",
                hint="Only the operator can mend this: the bottle has to be started again.",
            ) from error

    def _ask(self, kind: str, question: dict[str, Any]) -> list[Match]:  # Any: JSON
        """One question. OSError when it does not answer in time; Stopped when it cannot decide."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._plan.scan_timeout_s + 1)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request("POST", "/api/v1/scan", json.dumps({"kind": kind, "input": question}), headers)
            answer = connection.getresponse().read(4 * 1024 * 1024)
        except http.client.HTTPException as error:
            raise OSError("pipelock closed the connection") from error
        finally:
            connection.close()
        return matches(answer)


def matches(answer: bytes) -> list[Match]:
    """What an answer of the scan interface says. Stopped unless it is a complete verdict."""
    try:
        said = json.loads(answer)
        decision = said["decision"] if said["status"] == "completed" else ""
    except (ValueError, KeyError, TypeError):
        decision = ""
    if decision == "allow":
        return []
    if decision != "deny":
        raise Stopped("The engine pipelock could not decide, so nothing was sent.", rule="dlp pipelock")
    kind: Kind = "injection" if said.get("kind") == "prompt_injection" else "exfil" if said.get("kind") == "url" else "format"
    found = said.get("findings") or [{}]
    return [
        Match(
            kind,
            f"pipelock:{str(one.get('rule_id', 'unnamed'))[:60]}",
            f"pipelock: {str(one.get('message', 'denied'))[:120]}",
            0,
            0,
        )
        for one in found
    ]


def _pieces(text: bytes) -> Iterator[str]:
    for start in range(0, max(len(text), 1), PIECE - OVERLAP):
        yield text[start : start + PIECE].decode("utf-8", "replace")


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return int(first.getsockname()[1]), int(second.getsockname()[1])
