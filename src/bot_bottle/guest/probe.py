"""The containment probe: tries from inside what must not work, and says what happened. The host judges, not this.

Standard library only, nothing imported that the portal has not imported already. Every attempt ends at once: a sealed
network answers "unreachable", and a time-out would be no proof.
"""

import errno
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIMEOUT_S = 2.0


def answer(questions: "list[dict[str, Any]]") -> str:
    """The answers as JSON: `[{"id":…, "outcome":"unreachable"|"reached"|"error", "errno":name, "detail":text}]`."""
    return json.dumps([one(question) for question in questions])


def one(question: "dict[str, Any]") -> "dict[str, Any]":
    """One attempt; an error of the operating system is an answer, anything else is a fault of the probe."""
    try:
        outcome, detail = TRIES[question["try"]](question)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return {"id": question["id"], "outcome": "unreachable", "errno": name, "detail": str(error)}
    except Exception as error:
        return {"id": question["id"], "outcome": "error", "errno": "", "detail": repr(error)}
    return {"id": question["id"], "outcome": outcome, "errno": "", "detail": detail}


def family_of(host: str) -> "socket.AddressFamily":
    """By the literal's form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def tcp(question: "dict[str, Any]") -> "tuple[str, str]":
    """A TCP connection."""
    with socket.socket(family_of(question["host"]), socket.SOCK_STREAM) as channel:
        channel.settimeout(TIMEOUT_S)
        channel.connect((question["host"], question["port"]))
    return "reached", "connected"


def udp(question: "dict[str, Any]") -> "tuple[str, str]":
    """A datagram that leaves."""
    with socket.socket(family_of(question["host"]), socket.SOCK_DGRAM) as channel:
        channel.settimeout(TIMEOUT_S)
        channel.connect((question["host"], question["port"]))
        channel.send(bytes.fromhex(question.get("hex", "00")))
    return "reached", "sent"


def make_socket(question: "dict[str, Any]") -> "tuple[str, str]":
    """A socket of a family and type that must not be had."""
    socket.socket(question["family"], question["type"], question.get("protocol", 0)).close()
    return "reached", "made"


def unix(question: "dict[str, Any]") -> "tuple[str, str]":
    """A Unix socket by path, or an abstract one by name (leading NUL)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(TIMEOUT_S)
        channel.connect(question["address"])
    return "reached", "connected"


def exists(question: "dict[str, Any]") -> "tuple[str, str]":
    """A path that must not be there."""
    os.lstat(question["path"])
    return "reached", "there"


def write(question: "dict[str, Any]") -> "tuple[str, str]":
    """A file that must not open for writing."""
    os.close(os.open(question["path"], os.O_WRONLY))
    return "reached", "opened for writing"


def create(question: "dict[str, Any]") -> "tuple[str, str]":
    """A folder in which nothing may be made."""
    path = f"{question['path']}/.bot-bottle-probe"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)
    return "reached", "a file could be made"


def interfaces(question: "dict[str, Any]") -> "tuple[str, str]":
    """Network interfaces besides the loopback."""
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    return ("reached", " ".join(found)) if found else ("unreachable", "only lo")


def processes(question: "dict[str, Any]") -> "tuple[str, str]":
    """Processes that are not of this bottle: more than the first, its outer half, and this one."""
    found = [name for name in os.listdir("/proc") if name.isdigit()]
    return ("reached", f"{len(found)} processes") if len(found) > question["most"] else ("unreachable", f"{len(found)}")


def answers(question: "dict[str, Any]") -> "tuple[str, str]":
    """A gate that must answer: reached is good here."""
    with socket.create_connection(("127.0.0.1", question["port"]), 10) as channel:
        channel.sendall(question["send"].encode())
        part = channel.recv(4096)
    expected = part.startswith(question["expect"].encode())
    return ("reached" if expected else "unreachable"), ascii(part[:80])


TRIES = {
    "tcp": tcp,
    "udp": udp,
    "socket": make_socket,
    "unix": unix,
    "exists": exists,
    "write": write,
    "create": create,
    "interfaces": interfaces,
    "processes": processes,
    "answers": answers,
}
