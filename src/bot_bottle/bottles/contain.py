"""Containment is proved, not assumed: the questions asked from inside before the agent starts, and the judgement of the answers.

Pure. The probe runs inside and is believed only in one direction: whatever is not plainly "unreachable" is a hole, and so is
an answer that is missing.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import GATE_PORTS
from bot_bottle.record import dataclass

Question = dict[str, Any]  # Any: JSON
Answer = dict[str, Any]  # Any: JSON

HOLE_ADVICE = "Nothing was run. `bot-bottle doctor` says what this machine offers; please report it if you did not make the hole."

UNREACHABLE = ("ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EPERM", "EACCES")
"""What a closed network says at once (connect(2)); a time-out is not among them, for a filter may only be slow."""

REFUSED = (*UNREACHABLE, "ECONNREFUSED", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "ENOSYS", "EINVAL")
ABSENT = ("ENOENT", "EACCES", "EPERM", "EROFS", "ECONNREFUSED", "ENOTDIR")

OUTSIDE_V4 = ("192.0.2.1", "198.51.100.1", "203.0.113.1")  # RFC 5737
OUTSIDE_V6 = "2001:db8::1"  # RFC 3849
METADATA = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")
DNS_QUERY = "1234010000010000000000000f626f742d626f74746c652d70726f626507696e76616c69640000010001"
AF_NETLINK, AF_PACKET, AF_VSOCK, AF_BLUETOOTH, AF_ALG = 16, 17, 40, 31, 38
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Hole:
    """Something inside that works and must not, or a proof that is missing."""

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


def ask(name: str, kind: str, closed: Sequence[str] = (), **fields: Any) -> Question:  # Any: JSON
    """One question; `closed` are the errors that count as closed, none given means any."""
    return {"id": name, "try": kind, "closed": list(closed), **fields}


def questions(plan: BottlePlan, *, own_addresses: Sequence[str] = (), resolvers: Sequence[str] = ()) -> list[Question]:
    """What to try inside this bottle. `own_addresses` and `resolvers` are this host's (`host/addresses.py`)."""
    # the gates first: right after this they load what they need later, and would take 0.2 s to answer
    every = (*_gates(plan), *_network(own_addresses, resolvers), *_sockets(), *_files(plan))
    return [question for question in every if question["id"] not in plan.unproved]


def _network(own_addresses: Sequence[str], resolvers: Sequence[str]) -> Iterator[Question]:
    for host in (*OUTSIDE_V4, OUTSIDE_V6, *METADATA, *own_addresses):
        yield ask(f"tcp to {host}", "tcp", UNREACHABLE, host=host, port=80)
    for host in dict.fromkeys((OUTSIDE_V4[0], OUTSIDE_V6, METADATA[0], "127.0.0.53", *resolvers)):
        yield ask(f"dns to {host}", "udp", REFUSED, host=host, port=53, hex=DNS_QUERY, reply=True)
    yield ask("broadcast", "udp", UNREACHABLE, host="255.255.255.255", port=67, broadcast=True)
    yield ask("multicast dns", "udp", UNREACHABLE, host="224.0.0.251", port=5353, hex=DNS_QUERY)
    for port in (22, 53, 80, 443, 2375, 5432, 6379, 8080):
        yield ask(f"the host's loopback, port {port}", "tcp", REFUSED, host="127.0.0.1", port=port)
    yield ask("network interfaces", "interfaces")


def _sockets() -> Iterator[Question]:
    for name, family, kind in (
        ("raw socket", 2, SOCK_RAW),
        ("raw IPv6 socket", 10, SOCK_RAW),
        ("packet socket", AF_PACKET, SOCK_RAW),
        ("vsock socket", AF_VSOCK, SOCK_STREAM),
        ("bluetooth socket", AF_BLUETOOTH, SOCK_RAW),
        ("kernel crypto socket", AF_ALG, 5),
    ):
        yield ask(name, "socket", REFUSED, family=family, type=kind)
    for name, protocol in (("audit", 9), ("netfilter", 12), ("device event", 15)):
        yield ask(f"netlink {name} socket", "socket", REFUSED, family=AF_NETLINK, type=SOCK_RAW, protocol=protocol)
    for name in ("\0/tmp/dbus-probe", "\0/tmp/.X11-unix/X0", "\0/run/systemd/journal"):
        yield ask(f"abstract socket {name[1:]}", "unix", REFUSED, address=name)


def _files(plan: BottlePlan) -> Iterator[Question]:
    for space, name in host_namespaces().items():
        yield ask(f"a {space} namespace of its own", "namespace", of=space, host=name)
    yield ask("other processes", "processes", most=plan.own_processes + 1)
    for path in hidden_paths(plan):
        yield ask(f"{path} is hidden", "exists", ABSENT, path=path)
    # no program among them: a program that runs somewhere gives ETXTBSY, which proves nothing
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/passwd", "/usr/lib/os-release"):
        yield ask(f"{path} is read-only", "write", ABSENT, path=path)
    for path in ("/usr", "/usr/bin", "/etc", "/run/bot-bottle"):
        yield ask(f"{path} is read-only", "create", (*ABSENT, "EROFS"), path=path)


def _gates(plan: BottlePlan) -> Iterator[Question]:
    send = "GET http://bot-bottle.invalid/ HTTP/1.1\r\nHost: bot-bottle.invalid\r\nConnection: close\r\n\r\n"
    for name in plan.gates_inside:
        yield ask(f"gate {name}", "answers", port=GATE_PORTS[name], send=send, expect="HTTP/1.1 ")


def host_namespaces() -> dict[str, str]:
    """The names of this process's own namespaces, none of which may be seen inside."""
    return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "user", "pid", "mnt", "ipc", "uts", "cgroup")}


def hidden_paths(plan: BottlePlan) -> tuple[str, ...]:
    """Host paths that this bottle may not see: control sockets, key rings, the operator's own keys, and the stage dir.

    Not those that are shown because the manifest says so, or that have the bottle's own home behind the same name.
    """
    home = Path(os.path.expanduser("~"))
    keys = (str(home / name) for name in (".ssh", ".aws", ".gnupg", ".netrc", ".docker", ".kube", ".config/gh", ".claude"))
    shown = (plan.guest_home, *(mount.guest_path for mount in (*plan.spec.mounts, *plan.agent_provision.mounts)))
    hidden = (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/run/dbus/system_bus_socket",
        f"/run/user/{os.getuid()}",
        "/sys/kernel",
        "/dev/kvm",
        "/dev/mem",
        "/etc/shadow",
        *(str(plan.stage_dir / name) for name in ("bundle.json", "keeper.sock", "bundle.sock", "status.json")),
        *keys,
    )
    return tuple(path for path in hidden if not any(Path(path).is_relative_to(one) for one in shown))


def judge(asked: Sequence[Question], answers: Sequence[Answer]) -> tuple[Hole, ...]:
    """The holes, none for a sealed bottle."""
    given = {str(answer.get("id")): answer for answer in answers}
    holes = []
    if len(given) != len(answers):
        holes.append(Hole(name="the probe", detail="gave more than one answer to a question"))
    for question in asked:
        name = str(question["id"])
        answer = given.get(name)
        if answer is None:
            holes.append(Hole(name=name, detail="the probe did not answer"))
        elif not _is_closed(question, answer):
            shown = f"{answer.get('outcome')} {answer.get('errno')} {answer.get('detail')}"[:160]
            holes.append(Hole(name=name, detail=ascii(shown).strip("'")))
    return tuple(holes)


def _is_closed(question: Question, answer: Answer) -> bool:
    outcome, code = answer.get("outcome"), answer.get("errno")
    if question["try"] == "answers":
        return outcome == "reached"
    return outcome == "unreachable" and (not question["closed"] or code in question["closed"])
