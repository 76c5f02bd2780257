"""Attacks on what a bottle shares with the host: processes, memory, descriptors. Each is bounded, and lets go at its end."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import time


def processes(wanted: int) -> tuple[str, str]:
    """So many processes; the error that ends it, or `all`."""
    made: list[int] = []
    outcome = "all"
    try:
        for _ in range(wanted):
            child = os.fork()
            if child == 0:
                time.sleep(20)
                os._exit(0)
            made.append(child)
        time.sleep(2)  # where processes are counted each second
    except OSError as error:
        outcome = errno.errorcode.get(error.errno or 0, "?")
    finally:
        for child in made:
            os.kill(child, signal.SIGKILL)
        for child in made:
            os.waitpid(child, 0)
    return outcome, "%d processes" % len(made)


def memory(size: int) -> str:
    """So many bytes, written to."""
    held = []
    for _ in range(size >> 20):
        held.append(bytearray(os.urandom(1 << 10) * (1 << 10)))
    time.sleep(2)
    return "all"


def memory_file(folder: str, size: int) -> str:
    """So many bytes in a file in memory."""
    path = os.path.join(folder, ".bot-bottle-fill")
    try:
        with open(path, "wb", 0) as file:
            for _ in range(size >> 20):
                file.write(b"\xa5" * (1 << 20))
        time.sleep(2)
    finally:
        os.unlink(path)
    return "all"


def descriptors(wanted: int) -> tuple[str, str]:
    """So many open files."""
    made = 0
    try:
        for _ in range(wanted):
            os.open("/dev/null", os.O_RDONLY)
            made += 1
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?"), "%d files" % made
    return "all", "%d files" % made


def connections(host: str, path: str, wanted: int) -> tuple[str, str]:
    """So many connections to a gate; then one more request when they are gone."""
    from bot_bottle.attacks.inside import web

    held: list[socket.socket] = []
    refused = False
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        for _ in range(wanted):
            channel = socket.create_connection(web.GATE, timeout=5)
            channel.settimeout(5)
            held.append(channel)
        held[-1].sendall(b"GET http://other.example.com/ HTTP/1.1\r\nHost: other.example.com\r\n\r\n")
        refused = web.answer_of(held[-1])[0] == "503"
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        refused = True  # the bottle's own limit of descriptors came first
    finally:
        for channel in held:
            channel.close()
    for _ in range(20):
        status, _why = web.get(host, path)
        if status == "200":
            break
        time.sleep(0.2)
    return ("bounded" if refused and status == "200" else "unbounded"), "%d connections, then %s" % (len(held), status)


def goes_on() -> str:
    """Whether a new process still works."""
    child = os.fork()
    if child == 0:
        os._exit(7)
    return "goes on" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7 else "broken"
