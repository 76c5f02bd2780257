"""Services beside the agent: reached by name on the bottle's own loopback, after which the bottle is as sealed as before."""

import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

from docker_shop import IMAGE, DockerShop

from bot_bottle.host.addresses import own_addresses

WEB = f'services: {{web: {{image: "{IMAGE}", command: [python3, -m, http.server, "8000"], port: 8000, env: {{GREETING: hi}}}}}}\n'
FETCH = "import urllib.request; print(urllib.request.urlopen('http://web:8000/', timeout=5).status)"


def manifest(shop: DockerShop, text: str) -> Path:
    path = shop.project / "bottle.yaml"
    path.write_text(text)
    return path


def run(shop: DockerShop, text: str, *command: str) -> "subprocess.CompletedProcess[bytes]":
    return shop.run("-f", str(manifest(shop, text)), "shell", "--", *command)


def test_the_agent_reaches_a_service_by_its_name_from_its_first_moment(shop: DockerShop) -> None:
    done = run(shop, WEB, "python3", "-c", FETCH)
    assert (done.stdout, done.stderr) == (b"200\n", b"")


def test_nothing_of_a_service_is_left(shop: DockerShop) -> None:
    run(shop, WEB, "true")
    assert shop.containers() == []
    assert shop.docker("volume", "ls", "-q") == shop.docker("network", "ls", "-q", "-f", "type=custom") == ""


def test_a_bottle_with_services_has_no_interface_but_its_loopback(shop: DockerShop) -> None:
    done = run(shop, WEB, "cat", "/proc/net/dev")
    assert [line.split(b":")[0].strip() for line in done.stdout.splitlines()[2:]] == [b"lo"]


def told_by_a_service(shop: DockerShop, script: str) -> str:
    """What this script, which fills the list `told`, says when it runs as a service."""
    serve = """
class Tell(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\\n".join(told).encode())

http.server.HTTPServer(("127.0.0.1", 8000), Tell).serve_forever()
"""
    whole = f"import errno, http.server, os, socket\ntold = []\n{textwrap.dedent(script)}{serve}"
    head = f"services:\n  web:\n    image: {IMAGE}\n    port: 8000\n    command:\n      - python3\n      - -c\n      - |\n"
    fetch = "import urllib.request; print(urllib.request.urlopen('http://web:8000/', timeout=5).read().decode())"
    done = run(shop, head + textwrap.indent(whole, " " * 8), "python3", "-c", fetch)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_no_address_of_the_host_answers_beside_a_service(shop: DockerShop) -> None:
    """Neither the agent nor a service can reach the host: here a service tries, with more rights than the agent has."""
    bridges = ["172.17.0.1", "172.18.0.1", "192.168.65.2", "169.254.169.254", "127.0.0.11", "192.0.2.1"]
    script = f"""
        closed = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ECONNREFUSED)
        for host in {[*own_addresses(), *bridges]!r}:
            for port in (22, 53, 80, 2375):
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                with socket.socket(family, socket.SOCK_STREAM) as one:
                    one.settimeout(2)
                    code = one.connect_ex((host, port))
                if code not in closed or (code == errno.ECONNREFUSED and not host.startswith("127.")):
                    told.append(f"{{host}} {{port}}: {{code}}")
        for name in ("example.com", "host.docker.internal", "gateway.docker.internal"):
            try:
                told.append(f"{{name}}: {{socket.gethostbyname(name)}}")
            except OSError:
                pass
        told.append("all tried")
    """
    assert told_by_a_service(shop, script) == "all tried\n"


def test_a_service_has_no_right_about_networks_and_sees_nothing_of_the_bottle(shop: DockerShop) -> None:
    script = """
        told.append(open("/proc/self/status").read())
        told.append(f"run: {os.listdir('/run')}")
        told.append(f"processes: {[name for name in os.listdir('/proc') if name.isdigit()]}")
        told.append(f"env: {sorted(os.environ)}")
    """
    told = told_by_a_service(shop, script)
    rights = int(next(line for line in told.splitlines() if line.startswith("CapBnd")).split()[1], 16)
    chown, dac_override, fowner, setgid, setuid = 0, 1, 3, 6, 7  # capabilities(7)
    assert rights == sum(1 << number for number in (chown, dac_override, fowner, setgid, setuid))
    assert "NoNewPrivs:\t1" in told
    assert "Seccomp:\t2" in told
    assert "bot-bottle" not in told
    assert "processes: ['1']" in told


def test_a_service_that_ends_at_once_stops_the_start_with_its_last_words(shop: DockerShop) -> None:
    text = f"services: {{db: {{image: {IMAGE}, command: [sh, -c, 'echo no password >&2; exit 3'], port: 5432}}}}\n"
    done = run(shop, text, "true")
    assert done.returncode == 125
    assert b"The service db did not come up" in done.stderr
    assert b"no password" in done.stderr
    assert shop.containers() == []


def test_an_image_that_is_nowhere_is_named(shop: DockerShop) -> None:
    done = run(shop, "services: {db: {image: 'localhost:1/none'}}\n", "true")
    assert done.returncode != 0
    assert b"localhost:1/none" in done.stderr
    assert shop.containers() == []


def test_services_are_ended_when_the_keeper_is_killed(shop: DockerShop) -> None:
    shop.run("-f", str(manifest(shop, WEB)), "--name", "one", "-d", "shell", "--", "sleep", "60")
    assert len(shop.containers()) == 2
    os.kill(json.loads((shop.bottles() / "one" / "status.json").read_text())["keeper_pid"], signal.SIGKILL)
    assert shop.bot_bottle("rm", "-f", "one").returncode == 0
    assert shop.containers() == []


def test_the_preflight_names_services(shop: DockerShop) -> None:
    path = manifest(shop, WEB)
    done = shop.bot_bottle("run", "--backend", "docker", "--image", IMAGE, "-f", str(path), "--dry-run", "shell")
    assert b"service     web: " in done.stdout
    assert b"web:8000" in done.stdout


def test_another_backend_refuses_services_by_name(shop: DockerShop) -> None:
    done = shop.bot_bottle("run", "--backend", "namespaces", "-f", str(manifest(shop, WEB)), "shell", "--", "true")
    assert done.returncode == 121
    assert b"namespaces backend cannot run services" in done.stderr
    assert b"--backend docker" in done.stderr
