"""The bait on the host: a process of the operator's with a secret in every place, and listeners that write down who came.

`attacks/scene.py` starts it and ends it; it ends with its starter in any case. It answers nobody but requests to its web server,
which stands for a host that a rule allows, and whose every byte is written down: what is in there has left the bottle.
"""

import base64
import ctypes
import hashlib
import json
import os
import secrets
import selectors
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bot_bottle.host.files import write_file
from bot_bottle.host.syscalls import ARCHITECTURES

DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG (prctl(2))."""
CREATE, REMOVE = 0o1000, 0
"""IPC_CREAT and IPC_RMID (shmget(2), shmctl(2))."""
USER_KEYRING = -4
REVOKE = 3
HEAD_LIMIT = 1 << 16
BODY_LIMIT = 1 << 20
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nok"
LIBC = ctypes.CDLL(None, use_errno=True)

Undo = list[Callable[[], object]]


class Log:
    """One line of JSON for each touch, at once."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def touched(self, what: str, **more: str) -> None:
        """Somebody came to this listener."""
        os.write(self._descriptor, json.dumps({"at": what, **more}).encode() + b"\n")


def listeners(folder: Path) -> tuple[dict[str, socket.socket], dict[str, object]]:
    """One of each kind, and where they are."""
    abstract = f"\0bot-bottle-attack-{secrets.token_hex(8)}"
    made = {"tcp": socket.create_server(("127.0.0.1", 0), backlog=64)}
    made["udp"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made["udp"].bind(("127.0.0.1", 0))
    facts: dict[str, object] = {"tcp6_port": 0}
    try:
        made["tcp6"] = socket.create_server(("::1", 0), family=socket.AF_INET6)
        facts["tcp6_port"] = made["tcp6"].getsockname()[1]
    except OSError:
        made.pop("tcp6", None)  # a host without IPv6 has nobody to reach by it
    for name, address in (("unix", str(folder / "socket")), ("abstract", abstract)):
        made[name] = socket.socket(socket.AF_UNIX)
        made[name].bind(address)
        made[name].listen(64)
    os.chmod(folder / "socket", 0o666)  # noqa: S103  # bait that anybody could take
    facts |= {"tcp_port": made["tcp"].getsockname()[1], "udp_port": made["udp"].getsockname()[1]}
    return made, facts | {"socket_path": str(folder / "socket"), "abstract": abstract}


def shared_memory(canary: bytes, undo: Undo) -> dict[str, object]:
    """A System V segment that anybody may read, and a file of POSIX shared memory."""
    key = secrets.randbelow(1 << 30) + 1
    LIBC.shmat.restype = ctypes.c_void_p
    segment = LIBC.shmget(key, 4096, CREATE | 0o666)
    if segment >= 0:
        undo.append(lambda: LIBC.shmctl(segment, REMOVE, None))
        at = LIBC.shmat(segment, None, 0)
        ctypes.memmove(at, canary, len(canary))
    path = Path("/dev/shm") / f"bot-bottle-attack-{secrets.token_hex(8)}"  # where shm_open(3) keeps them
    if path.parent.is_dir():
        undo.append(lambda: path.unlink(missing_ok=True))
        write_file(path, canary, mode=0o644)
    return {"memory_key": key, "shm_name": path.name}


def kernel_key(canary: bytes, undo: Undo) -> dict[str, object]:
    """A key in the operator's keyring, with a name that can be asked for."""
    name = f"bot-bottle-attack-{secrets.token_hex(8)}"
    known = ARCHITECTURES.get(os.uname().machine)
    if known is not None:
        number, revoke = known.numbers["add_key"], known.numbers["keyctl"]
        key = LIBC.syscall(number, b"user", name.encode(), canary, ctypes.c_size_t(len(canary)), USER_KEYRING)
        if key > 0:
            undo.append(lambda: LIBC.syscall(revoke, REVOKE, key))
    return {"key_name": name}


def serve_web(listener: socket.socket, context: ssl.SSLContext | None, log: Log) -> None:
    """Accept for ever; each connection has a thread of its own."""
    while True:
        channel, _ = listener.accept()
        threading.Thread(target=answer_web, args=(channel, context, log), daemon=True).start()


def answer_web(channel: socket.socket, context: ssl.SSLContext | None, log: Log) -> None:
    """Read one request, write down all of it, answer."""
    channel.settimeout(10)
    try:
        with context.wrap_socket(channel, server_side=True) if context else channel as plain:
            head, body = read_request(plain)
            if b"\r\nupgrade: websocket\r\n" in head.lower() + b"\r\n":
                body = talk_websocket(plain, head)
            log.touched("web", head=head.decode("latin-1"), body=body.decode("latin-1"))
            plain.sendall(answer_to(head))
    except OSError as error:
        log.touched("web-failed", why=str(error))


def answer_to(head: bytes) -> bytes:
    """Plain yes; below /open/echo the request's own head, as a server does that shows what it was sent."""
    words = head.split(b" ")
    if len(words) > 1 and words[1].startswith(b"/open/echo"):
        return (
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" % len(head) + head
        )
    return ANSWER


def talk_websocket(channel: socket.socket, head: bytes) -> bytes:
    """Accept the upgrade (RFC 6455, 4.2.2), and return the first message, unmasked."""
    key = next(row.split(b":", 1)[1].strip() for row in head.split(b"\r\n") if row.lower().startswith(b"sec-websocket-key:"))
    proof = base64.b64encode(hashlib.sha1(key + WEBSOCKET, usedforsecurity=False).digest())
    channel.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + proof
        + b"\r\n\r\n"
    )
    said = channel.recv(HEAD_LIMIT)
    mask, content = said[2:6], said[6:]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


def read_request(channel: socket.socket) -> tuple[bytes, bytes]:
    """The head and as much of a body as it announces, or as comes before the last chunk."""
    said = b""
    while b"\r\n\r\n" not in said and len(said) < HEAD_LIMIT:
        part = channel.recv(HEAD_LIMIT)
        if not part:
            break
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    fields = dict(row.lower().split(b":", 1) for row in head.split(b"\r\n")[1:] if b":" in row)
    length = int(fields.get(b"content-length", b"0"))
    while len(body) < min(length, BODY_LIMIT) or (b"transfer-encoding" in fields and not body.endswith(b"0\r\n\r\n")):
        part = channel.recv(HEAD_LIMIT)
        if not part or len(body) > BODY_LIMIT:
            break
        body += part
    return head, body


def start_web(folder: Path, log: Log) -> dict[str, object]:
    """The servers that rules allow: one with TLS where there is a certificate, one without."""
    facts: dict[str, object] = {}
    for name, file in (("web_tls_port", folder / "leaf.pem"), ("web_port", None)):
        context = None
        if file is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file)
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        facts[name] = listener.getsockname()[1]
        threading.Thread(target=serve_web, args=(listener, context, log), daemon=True).start()
    return facts


def watch(made: dict[str, socket.socket], log: Log) -> None:
    """Write down who comes; nobody gets an answer, but a connection or a datagram is taken."""
    with selectors.DefaultSelector() as selector:
        for name, listener in made.items():
            selector.register(listener, selectors.EVENT_READ, name)
        while True:
            for key, _ in selector.select():
                listener = made[key.data]
                if key.data == "udp":
                    _, sender = listener.recvfrom(HEAD_LIMIT)
                    listener.sendto(b"taken", sender)
                else:
                    listener.accept()[0].close()
                log.touched(key.data)


def main() -> None:
    """`decoy FOLDER CANARY`: facts.json when everything is there, touched.jsonl as it goes."""
    LIBC.prctl(DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    folder, canary = Path(sys.argv[1]), sys.argv[2].encode()
    undo: Undo = []

    def end(_number: int, _frame: FrameType | None) -> None:
        for step in undo:
            step()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    log = Log(folder / "touched.jsonl")
    made, facts = listeners(folder)
    facts |= shared_memory(canary, undo) | kernel_key(canary, undo) | start_web(folder, log)
    write_file(folder / "facts.json", json.dumps(facts | {"decoy_pid": os.getpid()}))
    watch(made, log)
