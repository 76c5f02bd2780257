"""The containment probe: tries from inside what must not work, and says what happened. The host judges, not this.

Runs in a child of the portal and imports what the portal has imported. Every attempt ends at once: a sealed network answers
"unreachable", and a time-out would be no proof.
"""

from __future__ import annotations

import _socket
import errno
import posix

from bot_bottle.guest.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Question = dict[str, Any]  # Any: JSON
    Tried = tuple[str, str]

TIMEOUT_S = 2.0
GATE_TIMEOUT_S = 10.0


def answer(questions: list[Question]) -> str:
    """The answers as JSON: `[{"id":…, "outcome":"unreachable"|"reached"|"error", "errno":name, "detail":text}]`."""
    return dumps([one(question) for question in questions])


def one(question: Question) -> dict[str, str]:
    """One attempt; an error of the operating system is an answer, anything else is a fault of the probe."""
    try:
        outcome, detail = TRIES[question["try"]](question)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return {"id": question["id"], "outcome": "unreachable", "errno": name, "detail": str(error)}
    except Exception as error:
        return {"id": question["id"], "outcome": "error", "errno": "", "detail": repr(error)}
    return {"id": question["id"], "outcome": outcome, "errno": "", "detail": detail}


def connected(family: int, kind: int, address: Any, *, timeout_s: float = TIMEOUT_S) -> _socket.socket:  # Any: by family
    """A connected socket."""
    channel = _socket.socket(family, kind | _socket.SOCK_CLOEXEC)
    try:
        channel.settimeout(timeout_s)
        channel.connect(address)
    except BaseException:
        channel.close()
        raise
    return channel


def family_of(host: str) -> int:
    """By the literal's form."""
    return _socket.AF_INET6 if ":" in host else _socket.AF_INET


def tcp(question: Question) -> Tried:
    """A TCP connection."""
    connected(family_of(question["host"]), _socket.SOCK_STREAM, (question["host"], question["port"])).close()
    return "reached", "connected"


def udp(question: Question) -> Tried:
    """A datagram that leaves, and with `reply` its answer; `broadcast` asks for the right to send to everybody first."""
    channel = _socket.socket(family_of(question["host"]), _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        if question.get("broadcast"):
            channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_BROADCAST, 1)
        channel.settimeout(TIMEOUT_S)
        channel.connect((question["host"], question["port"]))
        channel.send(bytes.fromhex(question.get("hex", "00")))
        if question.get("reply"):
            channel.recv(1)  # on the loopback, only the answer or the refusal says whether anybody was there
    finally:
        channel.close()
    return "reached", "sent"


def make_socket(question: Question) -> Tried:
    """A socket of a family and type that must not be had."""
    _socket.socket(question["family"], question["type"], question.get("protocol", 0)).close()
    return "reached", "made"


def unix(question: Question) -> Tried:
    """A Unix socket by path, or an abstract one by name (leading NUL)."""
    connected(_socket.AF_UNIX, _socket.SOCK_STREAM, question["address"]).close()
    return "reached", "connected"


def exists(question: Question) -> Tried:
    """A path that must not be there."""
    posix.lstat(question["path"])
    return "reached", "there"


def read(question: Question) -> Tried:
    """A file that must not open for reading."""
    posix.close(posix.open(question["path"], posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC))
    return "reached", "opened for reading"


def write(question: Question) -> Tried:
    """A file that must not open for writing."""
    posix.close(posix.open(question["path"], posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC))
    return "reached", "opened for writing"


def create(question: Question) -> Tried:
    """A folder in which nothing may be made."""
    path = f"{question['path']}/.bot-bottle-probe"
    posix.close(posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600))
    posix.unlink(path)
    return "reached", "a file could be made"


def interfaces(question: Question) -> Tried:
    """Network interfaces besides the loopback."""
    found = [name for _, name in _socket.if_nameindex() if name != "lo"]
    return ("reached", " ".join(found)) if found else ("unreachable", "only lo")


def processes(question: Question) -> Tried:
    """Processes that are not of this bottle: more than its first and this one."""
    found = [name for name in posix.listdir("/proc") if name.isdigit()]
    return ("reached" if len(found) > question["most"] else "unreachable"), f"{len(found)} processes"


def namespace(question: Question) -> Tried:
    """Whether this is still the host's namespace: each has a number of its own (namespaces(7))."""
    found = posix.readlink(f"/proc/self/ns/{question['of']}")
    return ("reached" if found == question["host"] else "unreachable"), found


def answers(question: Question) -> Tried:
    """A gate that must answer: reached is good here."""
    channel = connected(_socket.AF_INET, _socket.SOCK_STREAM, ("127.0.0.1", question["port"]), timeout_s=GATE_TIMEOUT_S)
    try:
        channel.sendall(question["send"].encode())
        part = channel.recv(4096)
    finally:
        channel.close()
    return ("reached" if part.startswith(question["expect"].encode()) else "unreachable"), ascii(part[:80])


TRIES: dict[str, Callable[[Question], Tried]] = {
    "tcp": tcp,
    "udp": udp,
    "socket": make_socket,
    "unix": unix,
    "exists": exists,
    "read": read,
    "write": write,
    "create": create,
    "interfaces": interfaces,
    "processes": processes,
    "namespace": namespace,
    "answers": answers,
}
