"""Requests that have no single reading, or whose names disagree, and the status that each must meet at the egress gate.

The gate's own tests send the same rows. A row is a name, the bytes, and the status.
"""

Row = tuple[str, str, int]


def in_tunnel(host: str, path: str, *, too_large: int = 413) -> tuple[Row, ...]:
    """Inside TLS inside a tunnel to `host`, whose rule allows GET and POST below the folder of `path`, and a body of a megabyte."""
    return (*_names(host, path), *_framing(host, path), *_targets(host, path, too_large))


def _names(host: str, path: str) -> tuple[Row, ...]:
    return (
        ("another Host", f"GET {path} HTTP/1.1\r\nHost: other.example.com\r\n\r\n", 421),
        ("another port in Host", f"GET {path} HTTP/1.1\r\nHost: {host}:8443\r\n\r\n", 421),
        ("the Host of a subdomain", f"GET {path} HTTP/1.1\r\nHost: x.{host}\r\n\r\n", 421),
        ("user information in Host", f"GET {path} HTTP/1.1\r\nHost: a@{host}\r\n\r\n", 400),
        ("a path in Host", f"GET {path} HTTP/1.1\r\nHost: {host}/x\r\n\r\n", 400),
        ("an empty Host", f"GET {path} HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("two hosts", f"GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: other.example.com\r\n\r\n", 400),
        ("no host", f"GET {path} HTTP/1.1\r\n\r\n", 400),
        ("absolute form to another host", f"GET https://other.example.com{path} HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("absolute form to this host", f"GET https://{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("authority form", f"GET {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("asterisk form", f"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("CONNECT inside the tunnel", f"CONNECT other.example.com:443 HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
    )


def _framing(host: str, path: str) -> tuple[Row, ...]:
    get, post = (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n" for method in ("GET", "POST"))
    return (
        ("length and chunked", f"{get}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("two lengths", f"{get}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        ("gzip as transfer coding", f"{get}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("chunked in HTTP/1.0", f"POST {path} HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("a bare line feed", f"GET {path} HTTP/1.1\nHost: {host}\n\n", 400),
        ("a bare carriage return", f"{get}X: a\rb\r\n\r\n", 400),
        ("a folded line", f"{get}X: a\r\n b\r\n\r\n", 400),
        ("a NUL", f"{get}X: a\0b\r\n\r\n", 400),
        ("a space before the colon", f"{get}X : a\r\n\r\n", 400),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("HTTP/0.9", f"GET {path}\r\n\r\n", 400),
        ("something else", "\x05\x01\x00\r\n\r\n", 400),
        ("an expectation", f"{get}Expect: something\r\n\r\n", 417),
        ("trailers announced", f"{get}Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: y\r\n\r\n", 400),
        ("too many fields", get + "X: y\r\n" * 200 + "\r\n", 431),
        ("a head over the limit", f"{get}X: {'y' * 70000}\r\n\r\n", 431),
        ("a head without end over the limit", f"{get}X: {'y' * 70000}", 431),
        ("a chunk with an extension", f"{post}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", 400),
        ("a trailer", f"{post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", 400),
        ("a chunk that is too long", f"{post}Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", 400),
        ("a chunk that ends in a bare line feed", f"{post}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
        ("a chunk with a sign", f"{post}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", 400),
    )


def _targets(host: str, path: str, too_large: int) -> tuple[Row, ...]:
    get, post = (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n" for method in ("GET", "POST"))
    top = path[: path.index("/", 1)]
    upgrade, close = "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Connection: close\r\n\r\n"
    return (
        ("dot segments", f"GET {top}/../admin HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("encoded dot segments", f"GET {top}/%2e%2e/admin HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("double encoding", f"GET {top}/%252e%252e/admin HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("a backslash", f"GET {top}\\..\\admin HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("a path parameter", f"GET {path};/../admin HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("a path outside the rule", f"GET /elsewhere{path} HTTP/1.1\r\nHost: {host}\r\n{close}", 403),
        ("a method outside the rule", f"DELETE {path} HTTP/1.1\r\nHost: {host}\r\n{close}", 403),
        ("a method in lower case", f"get {path} HTTP/1.1\r\nHost: {host}\r\n{close}", 403),
        ("a method override", f"{get}X-HTTP-Method-Override: DELETE\r\n\r\n", 400),
        ("a method override with underscores", f"{get}X_HTTP_Method_Override: DELETE\r\n\r\n", 400),
        ("a path override", f"{get}X-Original-URL: /admin\r\n\r\n", 400),
        ("a body over the limit", f"{post}Content-Length: 2000000\r\n\r\n", too_large),
        ("a WebSocket with a body", f"{get}{upgrade}Content-Length: 1\r\n\r\nx", 400),
        ("a WebSocket without key", f"{get}{upgrade}\r\n", 400),
    )


def to_proxy(host: str, plain_host: str) -> tuple[Row, ...]:
    """To the gate itself, where `host` may be reached by TLS and `plain_host` without."""
    return (
        ("origin form", f"GET / HTTP/1.1\r\nHost: {plain_host}\r\n\r\n", 400),
        ("https in absolute form", f"GET https://{plain_host}/ HTTP/1.1\r\nHost: {plain_host}\r\n\r\n", 400),
        ("another scheme", f"GET ftp://{plain_host}/ HTTP/1.1\r\nHost: {plain_host}\r\n\r\n", 400),
        ("file", f"GET file:///etc/passwd HTTP/1.1\r\nHost: {plain_host}\r\n\r\n", 400),
        ("Host and target differ", f"GET http://{plain_host}/ HTTP/1.1\r\nHost: other.example.com\r\n\r\n", 421),
        ("user information", f"GET http://{plain_host}@other.example.com/ HTTP/1.1\r\nHost: other.example.com\r\n\r\n", 400),
        ("a host that is not allowed", "GET http://other.example.com/ HTTP/1.1\r\nHost: other.example.com\r\n\r\n", 403),
        ("a port that is not allowed", f"GET http://{plain_host}:81/ HTTP/1.1\r\nHost: {plain_host}:81\r\n\r\n", 403),
        ("an https host by http", f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n", 403),
        ("CONNECT without a port", f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("CONNECT with a path", f"CONNECT {host}:443/x HTTP/1.1\r\nHost: {host}:443\r\n\r\n", 400),
        ("CONNECT with another Host", f"CONNECT {host}:443 HTTP/1.1\r\nHost: other.example.com:443\r\n\r\n", 400),
        ("CONNECT with a body", f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("CONNECT to port 22", f"CONNECT {host}:22 HTTP/1.1\r\nHost: {host}:22\r\n\r\n", 403),
        ("CONNECT to port 0", f"CONNECT {host}:0 HTTP/1.1\r\nHost: {host}:0\r\n\r\n", 400),
        ("CONNECT to port 65536", f"CONNECT {host}:65536 HTTP/1.1\r\nHost: {host}:65536\r\n\r\n", 400),
        ("CONNECT to a zone", "CONNECT [fe80::1%25lo]:443 HTTP/1.1\r\nHost: [fe80::1%25lo]:443\r\n\r\n", 400),
        ("SOCKS 5", "\x05\x01\x00\r\n\r\n", 400),
        ("TLS to the proxy", "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        ("SMTP", "EHLO x\r\n\r\n", 400),
    )


NOT_TLS = (
    ("SSH", "SSH-2.0-OpenSSH_9.0\r\n\r\n\r\n"),
    ("PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f\r\n\r\n"),
    ("SSLv2", "\x80\x2e\x01\x03\x01\x00\r\n\r\n"),
    ("not TLS", "\x16\x02\x00\x00\x05hello\r\n\r\n"),
    ("Redis", "*1\r\n$4\r\nPING\r\n\r\n\r\n"),
)
"""What must not go through a tunnel: 400."""

INNER = (
    "2130706433",
    "127.1",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
)
"""Spellings of addresses inside, and of metadata services."""
