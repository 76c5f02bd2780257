"""`bot-bottle attack`: nothing escapes from a real bottle, and from what is no bottle nearly everything does."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from shop import Shop

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.namespaces.backend import Namespaces

needs_bottle = pytest.mark.skipif(
    isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, on this machine"
)
SEALING = (
    "network", "dns", "ipv6", "metadata", "sockets", "unix", "processes", "proc", "sys", "devices", "mounts", "namespaces",
    "privileges", "ptrace", "keyrings", "kernel", "cgroups",
)  # fmt: skip
"""Classes that a backend holds; the others are held by the gates and by our commands, which are the same without a seal."""

WORLD = """
ip link set lo up
ip link add dead0 type veth peer name dead1
ip addr add 192.0.2.77/24 dev dead0
ip -6 addr add 2001:db8::77/64 dev dead0 nodad
ip link set dead0 up
ip link set dead1 up
ip route add default via 192.0.2.1
ip -6 route add default via 2001:db8::1
"""
"""Namespaces of their own, so that nothing that is tried reaches this machine, with a network that leads nowhere."""


def attacked(shop: Shop, *prefix: str, backend: str, classes: tuple[str, ...] = ()) -> dict[str, Any]:  # Any: JSON
    """What `attack --json` says, run behind this prefix."""
    done = subprocess.run(
        [
            *prefix,
            *shop.argv("attack", "--backend", backend, "--json", *(word for name in classes for word in ("--class", name))),
        ],
        env=shop.env(BOT_BOTTLE_TEST_BACKENDS="1"),
        cwd=shop.project,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)  # Any: JSON
    assert done.returncode == (123 if said["counts"]["NOT contained"] else 0)
    return said


@needs_bottle
def test_nothing_escapes_from_a_bottle(shop: Shop) -> None:
    said = attacked(shop, backend="namespaces")
    assert [case for case in said["cases"] if case["verdict"] == "NOT contained"] == []
    assert said["counts"]["contained"] >= 450
    assert not list(shop.bottles().iterdir())


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="root and ip (iproute2) make the unsealed world")
def test_without_a_bottle_attacks_of_every_class_are_seen_to_succeed(shop: Shop) -> None:
    prefix = ("unshare", "--net", "--pid", "--mount", "--ipc", "--fork", "--mount-proc", "sh", "-ec", f'{WORLD}exec "$@"', "sh")
    said = attacked(shop, *prefix, backend="fake", classes=SEALING)
    escaped = {case["id"] for case in said["cases"] if case["verdict"] == "NOT contained"}
    assert {case["class"] for case in said["cases"]} == {case["class"] for case in said["cases"] if case["id"] in escaped}
    assert len(escaped) >= 150, sorted({case["id"] for case in said["cases"]} - escaped)


def test_cases_are_listed_without_a_bottle(shop: Shop) -> None:
    listed = shop.bot_bottle("attack", "--list", "--class", "keyrings").stdout.decode()
    assert "keyring-find" in listed
    assert "net-tcp" not in listed
