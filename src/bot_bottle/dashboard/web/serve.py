"""The page's server: standard library, loopback alone, one operator. Bounded in time, size and number of everything.

It draws the same snapshots as the dashboard and sends the same intents through the same door.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.bottles.status import check_slug
from bot_bottle.dashboard.door import Door
from bot_bottle.dashboard.web.access import Head, Refusal, Session, Site, decide, origins
from bot_bottle.dashboard.web.deeds import Said, do, read_said, shown
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.record import asdict

CONNECTIONS = 32
STREAMS = 8
SESSIONS = 16
READ_S = 20.0
"""A request that is not there by then is given up."""
LOOK_S = 0.25
"""How old a snapshot may be when several browsers look."""
DIFF_LINES = 5000
"""What a phone can show of a push; `bot-bottle pushes show` shows all of it."""
BEAT_S = 10.0
"""An empty line now and then shows that the other side is still there."""

KINDS = {"/": ("page.html", "text/html"), "/page.css": ("page.css", "text/css"), "/page.js": ("page.js", "text/javascript")}
KINDS |= {"/icon.svg": ("icon.svg", "image/svg+xml")}

GUARDS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing from elsewhere, nothing inline, no frames; text alone becomes part of the page (CSP 3, Trusted Types)."""


class Page:
    """The running page. `link()` makes a link that opens it once."""

    def __init__(self, door: Door, *, port: int = 0, public: str = "", on_login: Callable[[], None] = lambda: None) -> None:
        self.door = door
        self.on_login = on_login
        self.sessions: tuple[Session, ...] = ()
        self.streams = threading.BoundedSemaphore(STREAMS)
        self.connections = threading.BoundedSemaphore(CONNECTIONS)
        self.ending = threading.Event()
        self._tokens: set[str] = set()
        self._lock = threading.Lock()
        self._seen: tuple[float, Snapshot] | None = None
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Answering,), {"page": self}))
        self._server.page = self
        self.port = int(self._server.server_address[1])
        self.site = Site(origins=origins(self.port, public))
        self.cookie_name = f"bot-bottle-{self.port}"

    def link(self) -> str:
        """A new link. What is behind # stays in the browser: it is in no request line, log or referrer."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens = {token}
        return f"{self.site.origins[-1 if len(self.site.origins) > 2 else 0]}/#{token}"

    def login(self, token: str) -> Session | None:
        """Use a link up. None when it is unknown or was used."""
        with self._lock:
            if token not in self._tokens:
                return None
            self._tokens.discard(token)
            session = Session(cookie=secrets.token_urlsafe(24), key=secrets.token_urlsafe(24))
            self.sessions = (*self.sessions[-SESSIONS + 1 :], session)
        self.on_login()
        return session

    def look(self) -> Snapshot:
        """The snapshot of this moment, or one that is hardly older."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > LOOK_S:
                snapshot = self.door.look()
                self._seen = (time.monotonic(), snapshot)
            return self._seen[1]

    def serve(self) -> None:
        """Serve until `stop`."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End streams, stop, and free the port."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Refuses connections over the bound instead of starting a thread for each."""

    daemon_threads = True
    page: Page

    def process_request(self, request: Any, client_address: Any) -> None:  # Any: as socketserver has them
        if not self.page.connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # Any: as above
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.page.connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as above
        """A browser that goes away is no news."""


class _Answering(BaseHTTPRequestHandler):
    page: Page
    protocol_version = "HTTP/1.1"
    server_version = "bot-bottle"
    sys_version = ""
    timeout = READ_S

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the bottles' own logs say what was decided."""

    def do_GET(self) -> None:
        """Every request, by its verdict."""
        parts = urlsplit(self.path)
        head = Head(method=self.command, path=parts.path, headers=self._fields())
        match decide(head, self.page.site, self.page.sessions, cookie_name=self.page.cookie_name):
            case Refusal() as refusal:
                self.close_connection = True
                self._json(refusal.status, {"what": refusal.why})
            case "open":
                name, kind = KINDS[head.path]
                self._send(200, files(__package__).joinpath("static", name).read_bytes(), kind)
            case "login":
                self._login(self._body())
            case "session" if head.method == "POST":
                self._deed(head.path, self._body())
            case "session":
                self._read(head.path, {key: values[0] for key, values in parse_qs(parts.query).items()})

    do_POST = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for name, value in self.headers.items():
            known = fields.get(name.lower())
            fields[name.lower()] = value if known is None else f"{known}, {value}"
        return fields

    def _body(self) -> Said:
        return read_said(self.rfile.read(int(self.headers["content-length"])))

    def _login(self, said: Said) -> None:
        session = self.page.login(str(said.get("token", "")))
        if session is None:
            self._json(401, {"what": "This link was used already. `bot-bottle web` prints a new one each time."})
            return
        cookie = f"{self.page.cookie_name}={session.cookie}; HttpOnly; SameSite=Strict; Path=/"
        self._json(200, {"key": session.key}, {"Set-Cookie": cookie})

    def _deed(self, path: str, said: Said) -> None:
        try:
            do(path, said, self.page.door)
        except BottleError as error:
            status = 400 if isinstance(error, BadUsage) else 409
            self._json(status, {"what": error.what, "facts": list(error.facts), "next": error.next})
            return
        self._json(200, {})

    def _read(self, path: str, query: dict[str, str]) -> None:
        try:
            match path:
                case "/events":
                    self._stream()
                case "/log":
                    self._json(200, {"lines": self.page.door.log(check_slug(query.get("slug", "")))[-200:]})
                case "/push":
                    ask = shown(query.get("id", ""), self.page.look())
                    self._json(200, {"lines": self.page.door.push(ask.id)[:DIFF_LINES]})
                case _:
                    self._json(404, {"what": "There is no such place."})
        except BottleError as error:
            self._json(409, {"what": error.what, "facts": list(error.facts), "next": error.next})

    def _stream(self) -> None:
        """Server-sent events (WHATWG HTML 9.2): the whole snapshot whenever it has changed."""
        if not self.page.streams.acquire(blocking=False):
            self._json(503, {"what": "Too many browsers look."})
            return
        try:
            self.close_connection = True
            self._head(200, "text/event-stream", {})
            self._tell_changes()
        except OSError:
            return  # the browser has gone
        finally:
            self.page.streams.release()

    def _tell_changes(self) -> None:
        last, told = "", 0.0
        while not self.page.ending.wait(LOOK_S):
            now = time.monotonic()
            snapshot = asdict(self.page.look())
            bare = json.dumps(snapshot | {"taken": 0})
            if bare != last or now - told > BEAT_S:
                self.wfile.write(b"data: " + json.dumps(snapshot).encode() + b"\n\n")
                last, told = bare, now

    def _json(self, status: int, answer: dict[str, Any], more: dict[str, str] | None = None) -> None:  # Any: JSON
        self._send(status, json.dumps(answer).encode(), "application/json", more)

    def _send(self, status: int, content: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self._head(status, kind, {"Content-Length": str(len(content)), **(more or {})})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: int, kind: str, more: dict[str, str]) -> None:
        self.send_response(status)
        charset = "" if kind.startswith("image/") else "; charset=utf-8"
        for name, value in {"Content-Type": kind + charset, **GUARDS, **more}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
