"""One question over HTTP to a service behind a Unix socket, where starting its client would take twenty times as long.

HTTP/1.0 (RFC 1945), so that the answer is everything until the end of the connection. It says nothing of failures: whoever gets
no answer asks the service's own client, which explains.
"""

import socket
import time

ANSWER_LIMIT = 4 * 1024 * 1024


def get(path: str, target: str, *, timeout_s: float) -> bytes | None:
    """The body of a 200 answer; None for anything else, an answer that is cut, late, or over 4 MiB included."""
    if not target.isascii() or any(letter.isspace() for letter in target):
        return None
    deadline = time.monotonic() + timeout_s
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(timeout_s)
            channel.connect(path)
            channel.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode())
            while part := channel.recv(1 << 16):
                answer += part
                left = deadline - time.monotonic()
                if left <= 0 or len(answer) > ANSWER_LIMIT:
                    return None
                channel.settimeout(left)
    except OSError:
        return None
    return body_of(bytes(answer))


def body_of(answer: bytes) -> bytes | None:
    """The body of a complete answer with status 200. Pure."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if not blank or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":
        return None
    named = {name.strip().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
    if b"transfer-encoding" in named or named.get(b"content-length", str(len(body)).encode()) != str(len(body)).encode():
        return None
    return body
