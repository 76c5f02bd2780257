"""What one run of the faults stands on: an operator, a server and a forge on loopback, and a manifest for all of them."""

import http.server
import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockerd import Dockerd
from forge import PASSWORD, Forge, git, operator_repository
from shop import Shop

INSIDE = Path(__file__).parent / "inside"
STATE_SIZE = 48 << 20
"""Bytes of the disk that the bottles' state lies on: it can be filled."""


class Web:
    """A server that writes down what reaches it, and when."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, bytes]] = []
        web = self

        class Serving(http.server.ThreadingHTTPServer):
            """Connections that a killed gate breaks off are what is wanted."""

            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Silent."""

        class Answering(http.server.BaseHTTPRequestHandler):
            """Answers everything."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                web.seen.append((time.monotonic(), self.path, body))
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = Serving(("127.0.0.1", 0), Answering)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def of(self, slug: str) -> list[tuple[float, str, bytes]]:
        """What one bottle sent."""
        return [one for one in self.seen if f"/{slug}/" in one[1]]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@dataclass(kw_only=True)
class World:
    """Everything that rounds share. `bait` is the value that must never arrive."""

    name: str
    """Told apart from other worlds on this machine: what bottles are called begins with it."""

    shop: Shop
    backend: str
    image: str
    web: Web
    forge: Forge
    bare: Path
    bait: str
    manifest: Path
    told: Path
    env: dict[str, str] = field(default_factory=dict)
    dockerd: Dockerd | None = None

    def argv(self, slug: str, *, passes: int) -> list[str]:
        """The command of one round."""
        inside = ("python3", "/data/faults/agent.py", slug, "/data/told", self.forge.url("app"), str(passes))
        return self.shop.argv("run", "-q", "-f", str(self.manifest), "--name", slug, "shell", "--", *inside)

    def variables(self) -> dict[str, str]:
        """The operator's environment."""
        return self.shop.env(FORGE_PASSWORD=PASSWORD, **self.env)

    def bot_bottle(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """A command of the operator's."""
        return self.shop.bot_bottle(*words, stdin=b"", FORGE_PASSWORD=PASSWORD, **self.env)

    def bot_bottle_for(self, timeout_s: float, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """A command that may take so long."""
        argv = self.shop.argv(*words)
        return subprocess.run(
            argv,
            env=self.variables(),
            cwd=self.shop.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )

    def docker(self, *words: str) -> str:
        """What a docker command prints; nothing where its daemon is down."""
        argv = ("docker", *words)
        done = subprocess.run(argv, capture_output=True, text=True, env=os.environ | self.env, timeout=60, check=False)
        return done.stdout

    @property
    def state(self) -> Path:
        """The folder that every bottle's state is below."""
        return self.shop.home / ".local/state"


def manifest_of(world: World) -> dict[str, object]:
    """Two upstreams, one server, bait, someone to ask; little is allowed."""
    rules = [{"host": "plain.example.com", "scheme": "http", "paths": ["/get/**", "/post/**", "/beacon/**"]}]
    connect = {f"{name}.example.com:80": f"127.0.0.1:{world.web.port}" for name in ("plain", "other")}
    slot = {"host": "127.0.0.1", "basic": {"user": "x-access-token"}}
    text: dict[str, object] = {
        "agent": "shell",
        "backend": world.backend,
        "workspace": {"path": str(world.shop.project), "mode": "clone"},
        "mounts": [
            {"path": str(INSIDE), "to": "/data/faults"},
            {"path": str(world.told), "to": "/data/told", "writable": True},
        ],
        "egress": {"rules": rules, "upstream": {"connect": connect, "ca": [str(world.forge.ca)]}},
        "credentials": [{"name": "forge", "from": {"env": "FORGE_PASSWORD"}, "to": slot}],
        "git": {"upstreams": [{"path": str(world.shop.project)}, {"url": world.forge.url("app"), "credential": "forge"}]},
        "dlp": {"canaries": [{"file": str(world.told / "bait")}]},
        "supervise": {"enabled": True, "unattended": "wait"},
        "limits": {"pids": 400},
    }
    if world.image:
        text["image"] = {"ref": world.image}
    return text


@contextmanager
def made(
    folder: Path, *, backend: str, image: str = "", env: dict[str, str] | None = None, small_disk: bool = False
) -> Iterator[World]:
    """A world in this folder; its servers end with it. With a small disk the state lies on one of its own: that needs root."""
    with ExitStack() as undo:
        shop = Shop(home=folder / "home", project=folder / "project")
        for one in (shop.home, folder / "told"):
            one.mkdir(parents=True)
        (folder / "told").chmod(0o777)
        operator_repository(shop.project)
        git("config", "receive.denyCurrentBranch", "refuse", at=shop.project)
        web, forge = Web(), Forge(folder / "forge")
        undo.callback(web.close)
        undo.callback(forge.close)
        bait = f"bait-{secrets.token_hex(16)}"
        (folder / "told/bait").write_text(bait + "\n")
        world = World(
            name=f"f{secrets.token_hex(2)}",
            shop=shop,
            backend=backend,
            image=image,
            web=web,
            forge=forge,
            bare=forge.repository("app"),
            bait=bait,
            manifest=folder / "bottle.yaml",
            told=folder / "told",
            env=env or {},
        )
        world.state.mkdir(parents=True)
        if small_disk:
            words = ("mount", "-t", "tmpfs", "-o", f"size={STATE_SIZE},mode=700", "none", str(world.state))
            subprocess.run(words, check=True)
            undo.callback(subprocess.run, ("umount", "-l", str(world.state)), check=True)
        world.manifest.write_text(json.dumps(manifest_of(world)))
        yield world
