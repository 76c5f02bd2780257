"""How fast egress is: requests through the gate, straight to the server, and through other interceptors, in one run on loopback.

TLS on both sides of every proxy, all of the gate's checks on, its events written to a file. Everything shares this machine's cores
in a network namespace of its own. Needs nginx, `hey` (on PATH, or named by HEY), unshare and ip. mitmproxy is installed into an
environment of its own below the cache folder; pipelock is run when BOT_BOTTLE_PIPELOCK names the program.

    python bench/egress.py [--seconds 4] [--json FILE]
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outcome import Bar, Figure, tell

from bot_bottle.gates.egress.authority import Authority
from bot_bottle.gates.egress.plan import EgressPlan
from bot_bottle.guest import frames
from bot_bottle.host.paths import cache_dir
from bot_bottle.manifest.spec import Rule, Upstream

HOST = "198.51.100.7"
"""The server: an address, because `hey` sends no usable server name, on port 443, because it writes the port into it; one for
documentation (RFC 5737), which exists in our namespace alone, because pipelock refuses loopback whatever it is told."""

LOCAL = "127.0.0.1"
"""Where the proxies listen."""

EVENT_PORT = 8443
SMALL, LARGE = 1024, 10 * 1024 * 1024
BARS = {
    "requests/s at c=16, of direct": 0.3,
    "requests/s at c=16, of mitmproxy": 10.0,
    "requests/s at c=16, of pipelock": 30.0,
    "added p50 at c=1, ms": 0.5,
    "added delay of an event, ms": 1.0,
    "10 MB down, of direct": 1.5,
    "10 MB up, of direct": 1.5,
    "PSS, MiB": 45.0,
}

NGINX = """
daemon off; master_process off; worker_processes 1; user root; pid %(folder)s/pid; error_log %(folder)s/nginx.log;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 0; keepalive_requests 10000000; default_type application/octet-stream;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/f;
  uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server { listen 127.0.0.1:8080; location / { return 200 "ok"; } }
  server {
    listen 198.51.100.7:443 ssl; ssl_certificate %(folder)s/leaf.pem; ssl_certificate_key %(folder)s/leaf.pem; root %(folder)s/www;
    location /up { proxy_pass http://127.0.0.1:8080; }
  }
}
"""


def main() -> None:
    """Fetch what is needed, enter a namespace, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory after many requests")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not asked.inside:
        install_mitmproxy()
        os.execvp("unshare", ("unshare", "--net", "--map-root-user", "--", sys.executable, *sys.argv, "--inside"))
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
    subprocess.run(("ip", "address", "add", f"{HOST}/32", "dev", "lo"), check=True)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), seconds=asked.seconds, requests=asked.requests)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    report(results)


def mitmdump() -> Path:
    """Where mitmproxy is, or would be."""
    return cache_dir() / "bench" / "mitmproxy" / "bin" / "mitmdump"


def install_mitmproxy() -> None:
    """Once, into an environment of its own."""
    if mitmdump().exists():
        return
    folder = mitmdump().parent.parent
    venv.create(folder, with_pip=True)
    subprocess.run((str(folder / "bin" / "pip"), "install", "--quiet", "mitmproxy"), check=True, timeout=600)


@contextmanager
def running(
    *argv: str, port: int, host: str = LOCAL, **more: Any
) -> Iterator["subprocess.Popen[bytes]"]:  # Any: what Popen takes
    """A process that serves this port while we are inside."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        wait_for(host, port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(host: str, port: int) -> None:
    """Until something accepts there."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def our_gate(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The real bundle with the egress gate and thirty rules."""
    others = tuple(Rule(host=f"host{number}.example.com", where=f"bench:{number}", methods=("GET",)) for number in range(30))
    rule = Rule(host=HOST, where="bench:30", ports=(443, EVENT_PORT), methods=("GET", "POST"), paths=("/**",))
    plan = EgressPlan(rules=(*others, rule), credentials=(), upstream=Upstream(ca=(folder / "servers.pem",)))
    config = {
        "slug": "bench",
        "stage_dir": str(folder),
        "events": str(folder / "events.jsonl"),
        "control": str(folder / "bundle.sock"),
        "gates": {"egress": plan.config()},
    }
    (folder / "bundle.json").write_text(json.dumps(config))
    link, other = socket.socketpair()
    listener = socket.create_server((LOCAL, port), backlog=1024)
    argv = (sys.executable, "-m", "bot_bottle.gates.bundle", "--link-fd", str(other.fileno()))
    process = subprocess.Popen(argv, pass_fds=(other.fileno(),), env={"PYTHONPATH": os.pathsep.join(sys.path)})
    other.close()
    frames.send(link, {"type": "start", "config": str(folder / "bundle.json"), "secrets": {}})
    frames.send(link, {"type": "listen", "gates": ["egress"]}, (listener.fileno(),))
    listener.close()
    try:
        received = frames.receive(link)
        assert received is not None
        assert received[0]["type"] == "ready", received
        (folder / "ca.pem").write_text(received[0]["authority"])
        yield process
    finally:
        link.close()
        process.wait(10)


@contextmanager
def mitmproxy(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """mitmdump as a plain interceptor."""
    with running(str(mitmdump()), "-q", "--ssl-insecure", "--set", f"confdir={folder}", "-p", str(port), port=port) as process:
        yield process


@contextmanager
def pipelock(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """pipelock with TLS interception."""
    program = os.environ["BOT_BOTTLE_PIPELOCK"]
    key_file = folder / "pipelock-key.pem"  # it reads no PKCS #8
    subprocess.run(("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key_file)), check=True)
    request = (
        "openssl",
        "req",
        "-x509",
        "-key",
        str(key_file),
        "-subj",
        "/CN=bench",
        "-days",
        "2",
        "-out",
        str(folder / "ca.pem"),
    )
    subprocess.run(request, check=True)
    key_file.chmod(0o600)
    config = {
        "forward_proxy": {"enabled": True},
        "tls_interception": {"enabled": True, "ca_cert": str(folder / "ca.pem"), "ca_key": str(key_file)},
        "internal": [],
        "trusted_domains": [HOST],
        "fetch_proxy": {"monitoring": {"max_requests_per_minute": 10**9}},
    }
    (folder / "pipelock.yaml").write_text(json.dumps(config))
    environment = os.environ | {"SSL_CERT_FILE": str(folder / "servers.pem")}
    argv = (program, "run", "-c", str(folder / "pipelock.yaml"), "-l", f"{LOCAL}:{port}")
    with running(*argv, port=port, env=environment) as process:
        yield process


def hey(url: str, *words: str, proxy: int | None) -> dict[str, float]:
    """One run of the load generator: requests per second and median in ms. Fails on any answer but 200."""
    program = os.environ.get("HEY") or shutil.which("hey")
    assert program, "hey is neither on PATH nor named by HEY"
    through = ("-x", f"http://{LOCAL}:{proxy}") if proxy else ()
    done = subprocess.run((program, *words, *through, url), capture_output=True, text=True, check=True, timeout=300).stdout
    codes = set(re.findall(r"\[(\d+)\]\s+\d+ responses", done))
    assert codes == {"200"}, done
    rate, median = re.search(r"Requests/sec:\s+([\d.]+)", done), re.search(r"50%+ in ([\d.]+) secs", done)
    assert rate
    assert median
    return {"rate": float(rate[1]), "p50": float(median[1]) * 1000}


def measure_requests(proxy: int | None, folder: Path, *, seconds: float, bulk: bool = True) -> dict[str, float]:
    """The load generator's part for one way out; `bulk`: large bodies too."""
    url, found = f"https://{HOST}/small", {}
    hey(url, "-z", "1s", "-c", "16", proxy=proxy)
    for count in (1, 16, 64):
        got = hey(url, "-z", f"{seconds:g}s", "-c", str(count), proxy=proxy)
        found[f"requests/s c={count}"], found[f"p50 ms c={count}"] = got["rate"], got["p50"]
    found["new connections/s"] = hey(url, "-z", f"{seconds:g}s", "-c", "16", "-disable-keepalive", proxy=proxy)["rate"]
    if not bulk:
        return found
    found["10 MB down ms"] = hey(f"https://{HOST}/large", "-n", "20", "-c", "1", proxy=proxy)["p50"]
    up = ("-n", "20", "-c", "1", "-m", "POST", "-D", str(folder / "www" / "large"))
    found["10 MB up ms"] = hey(f"https://{HOST}/up", *up, proxy=proxy)["p50"]
    return found


def serve_events(folder: Path) -> None:
    """A server that sends the time, again and again, as server-sent events."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    listener = socket.create_server((HOST, EVENT_PORT))

    def talk(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(400):
                time.sleep(0.002)
                event = f"data: {time.perf_counter():.9f}\n\n".encode()
                connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))
            connection.sendall(b"0\r\n\r\n")

    def accept() -> None:
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def event_delay(proxy: int | None) -> float:
    """Median milliseconds from an event's sending to its arrival."""
    connection: socket.socket = socket.create_connection((LOCAL, proxy) if proxy else (HOST, EVENT_PORT), timeout=20)
    if proxy:
        connection.sendall(f"CONNECT {HOST}:{EVENT_PORT} HTTP/1.1\r\nHost: {HOST}:{EVENT_PORT}\r\n\r\n".encode())
        while not connection.recv(65536).endswith(b"\r\n\r\n"):
            pass
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    delays, rest = [], b""
    with context.wrap_socket(connection) as secured:
        secured.sendall(f"GET /events HTTP/1.1\r\nHost: {HOST}:{EVENT_PORT}\r\n\r\n".encode())
        while part := secured.recv(65536):
            now = time.perf_counter()
            rest += part
            delays += [now - float(sent) for sent in re.findall(rb"data: ([\d.]+)\n", rest)]
            rest = rest[rest.rfind(b"\n") + 1 :] if b"data" in rest else rest
            if b"0\r\n\r\n" in part[-5:]:
                break
    return statistics.median(delays[20:]) * 1000


def pss(process: "subprocess.Popen[bytes]") -> float:
    """Proportional memory in MiB; 0 where it cannot be read."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))) / 1024


def measure(folder: Path, *, seconds: float, requests: int) -> dict[str, dict[str, float]]:
    """Every way out, one after the other, behind the same server."""
    authority = Authority("servers")
    (folder / "servers.pem").write_text(authority.certificate)
    leaf = authority.leaf(HOST)
    (folder / "leaf.pem").write_text(leaf.certificate + leaf.key)
    (folder / "www").mkdir()
    (folder / "www" / "small").write_bytes(os.urandom(SMALL))
    (folder / "www" / "large").write_bytes(os.urandom(LARGE))
    (folder / "nginx.conf").write_text(NGINX % {"folder": folder})
    serve_events(folder)
    results: dict[str, dict[str, float]] = {}
    with running("nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), port=443, host=HOST):
        results["direct"] = measure_requests(None, folder, seconds=seconds) | {"event delay ms": event_delay(None)}
        with our_gate(folder, 3128) as process:
            idle = pss(process)
            found = measure_requests(3128, folder, seconds=seconds) | {"event delay ms": event_delay(3128), "PSS idle MiB": idle}
            found["PSS MiB"] = pss(process)
            hey(f"https://{HOST}/small", "-n", str(requests), "-c", "16", proxy=3128)
            found["PSS after many MiB"] = pss(process)
            results["bot-bottle"] = found
        with mitmproxy(folder, 3129) as process:
            results["mitmproxy"] = measure_requests(3129, folder, seconds=seconds) | {"PSS MiB": pss(process)}
        if os.environ.get("BOT_BOTTLE_PIPELOCK"):
            with pipelock(folder, 3131) as process:  # it refuses bodies of 10 MB
                results["pipelock"] = measure_requests(3131, folder, seconds=seconds, bulk=False) | {"PSS MiB": pss(process)}
    return results


def report(results: dict[str, dict[str, float]]) -> None:
    """The figures, and how they stand to the bars."""
    names = list(dict.fromkeys(name for found in results.values() for name in found))
    print(f"{'':24}" + "".join(f"{name:>14}" for name in results))
    for name in names:
        print(f"{name:24}" + "".join(f"{found[name]:14.2f}" if name in found else f"{'-':>14}" for found in results.values()))
    direct, ours, mitm = results["direct"], results["bot-bottle"], results["mitmproxy"]
    rate = "requests/s c=16"
    got = {
        "requests/s at c=16, of direct": ours[rate] / direct[rate],
        "requests/s at c=16, of mitmproxy": ours[rate] / mitm[rate],
        "added p50 at c=1, ms": ours["p50 ms c=1"] - direct["p50 ms c=1"],
        "added delay of an event, ms": ours["event delay ms"] - direct["event delay ms"],
        "10 MB down, of direct": ours["10 MB down ms"] / direct["10 MB down ms"],
        "10 MB up, of direct": ours["10 MB up ms"] / direct["10 MB up ms"],
        "PSS, MiB": ours["PSS after many MiB"],
    }
    if "pipelock" in results:
        got["requests/s at c=16, of pipelock"] = ours[rate] / results["pipelock"][rate]
    bars = [
        Bar(what=name, value=round(value, 3), bar=BARS[name], at_least=name.startswith("requests/s"))
        for name, value in got.items()
    ]
    for bar in bars:
        print(f"{bar.what:36}{bar.value:8.2f}  bar {bar.bar:g}: {'holds' if bar.is_met else 'MISSED'}")
    figures = [
        Figure(what=what, value=round(value, 3), unit=unit, of=of)
        for of, found in results.items()
        for name, value in found.items()
        for what, unit in [split_unit(name)]
    ]
    tell("egress", figures, bars)


def split_unit(name: str) -> tuple[str, str]:
    """What a row of the table is about, and its unit."""
    for unit in ("requests/s", "ms", "MiB"):
        if unit in name.split():
            return " ".join(word for word in name.split() if word != unit), unit
    return name, ""


if __name__ == "__main__":
    main()
