"""Bottles with a hole in their network, made on purpose: the probe must name it. Each test has a network that leads nowhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.guest import landlock

pytestmark = [
    pytest.mark.skipif(
        isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, on this machine"
    ),
    pytest.mark.skipif(shutil.which("ip") is None, reason="ip (iproute2) makes the test's network, and is not here"),
]

LAUNCH = """
import json, socket, sys
from dataclasses import replace
from pathlib import Path
from plans import HeldSockets, shared_plan
from bot_bottle.backends.namespaces import client
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.bottles.contain import judge, questions
from bot_bottle.host.addresses import own_addresses

client.NAMESPACES = tuple(name for name in client.NAMESPACES if name != sys.argv[2])
hosts = [socket.create_server(("127.0.0.1", 8080)), socket.socket(socket.AF_UNIX)]
hosts[1].bind("\\0/run/systemd/journal")
hosts[1].listen()
plan = Namespaces().prepare(shared_plan(Path(sys.argv[1])))
if sys.argv[3] == "no":
    plan = replace(plan, landlock=None)
asked = [one for one in questions(plan, own_addresses=own_addresses()) if one["try"] != "answers"]
held = HeldSockets()
with Namespaces().launch(plan, held) as bottle:
    print(json.dumps([hole.name for hole in judge(asked, bottle.probe(asked, timeout_s=60))]))
held.close()
"""

NETWORK = """
ip link set lo up
ip link add dead0 type veth peer name dead1
ip addr add 192.0.2.77/24 dev dead0
ip link set dead0 up
ip link set dead1 up
"""


def holes_without(flag: str, stage: Path, *, landlock: str = "yes") -> list[str]:
    """The holes of a bottle launched without this flag of bubblewrap, in a network that leads nowhere."""
    script = f'{NETWORK}exec "$@"'
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    made = subprocess.run(
        ("unshare", *user, "--net", "sh", "-ec", script, "sh", sys.executable, "-c", LAUNCH, str(stage), flag, landlock),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "ip: " in made.stderr or "RTNETLINK" in made.stderr:
        pytest.skip(f"no network can be made for the test: {made.stderr.strip()[-200:]}")
    assert made.returncode == 0, made.stderr
    holes = json.loads(made.stdout)
    assert isinstance(holes, list)
    return holes


def test_sealed_bottle_in_that_network_has_no_hole(tmp_path: Path) -> None:
    assert holes_without("", tmp_path / "one") == []


def test_shared_network_is_named_in_every_way(tmp_path: Path) -> None:
    holes = holes_without("--unshare-net", tmp_path / "one", landlock="no")
    assert "network interfaces" in holes
    assert "a net namespace of its own" in holes
    assert "the host's loopback, port 8080" in holes
    assert "tcp to 192.0.2.1" in holes
    assert any(hole.startswith("abstract socket") for hole in holes)


def test_landlock_keeps_abstract_sockets_closed_even_in_a_shared_network(tmp_path: Path) -> None:
    if landlock.level() < 6:
        pytest.skip("this kernel's Landlock does not know abstract sockets (level 6)")
    holes = holes_without("--unshare-net", tmp_path / "one")
    assert not any(hole.startswith("abstract socket") for hole in holes)
