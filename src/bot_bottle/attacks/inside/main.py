"""Runs the attacks inside a bottle: questions as JSON on standard input, and at once a line of JSON for each on standard output.

Uses the standard library alone, of whatever Python 3 the bottle has. Each attack runs in a process of its own, so that one that
dies, hangs or breaks its process says so, and takes no other with it.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

LIMIT = 1 << 16


def outcome_of(question: dict[str, Any]) -> dict[str, str]:
    """One attack, here and now: what it answers, or the error it met."""
    module, _, function = question["run"].partition(".")
    try:
        made = getattr(importlib.import_module("bot_bottle.attacks.inside." + module), function)(**question["given"])
    except OSError as error:
        return {"outcome": errno.errorcode.get(error.errno or 0, type(error).__name__), "detail": str(error)}
    except MemoryError:
        return {"outcome": "MemoryError", "detail": ""}
    except Exception as error:
        return {"outcome": "error:" + type(error).__name__, "detail": str(error)}
    outcome, detail = made if isinstance(made, tuple) else (made, "")
    return {"outcome": str(outcome), "detail": str(detail)}


def tried(question: dict[str, Any]) -> dict[str, str]:
    """The same in a process of its own, within its time."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(ours)
        with open(theirs, "wb", closefd=False) as pipe:
            pipe.write(json.dumps(outcome_of(question)).encode())
        os._exit(0)
    os.close(theirs)
    said = read_until(ours, time.monotonic() + float(question["timeout_s"]))
    os.close(ours)
    for victim in (child, -child):  # whatever it left in its session too
        try:
            os.kill(victim, signal.SIGKILL)
        except OSError:
            continue
    _, status = os.waitpid(child, 0)
    if said is None:
        return {"outcome": "TIMEOUT", "detail": "%s s" % question["timeout_s"]}
    if not said:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return {"outcome": signal.Signals(number).name if number else "died", "detail": "exit status %d" % status}
    answer: dict[str, str] = json.loads(said)
    return answer


def read_until(pipe: int, end: float) -> bytes | None:
    """Everything that is written to the pipe; None when its end does not come in time."""
    said = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return None
        part = os.read(pipe, LIMIT)
        if not part:
            return said
        said += part


def main() -> None:
    """Answer every question."""
    questions = json.load(sys.stdin)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for question in questions:
        began = time.monotonic()
        answer = tried(question)
        print(json.dumps({"id": question["id"], "ms": round((time.monotonic() - began) * 1000), **answer}), flush=True)


if __name__ == "__main__":
    main()
