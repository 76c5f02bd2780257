"""What a hostile agent tries inside a bottle of the namespaces backend, with real system calls."""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import HeldSockets, run_inside, shared_plan

from bot_bottle.backends.base import RunningBottle, Unusable
from bot_bottle.backends.mounts import Bind, Closed
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.bottles.contain import judge, questions
from bot_bottle.manifest.spec import Limits

PYTHON = "/usr/bin/python3"
pytestmark = [
    pytest.mark.skipif(
        isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, on this machine"
    ),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"{PYTHON} runs the attacks, and is not here"),
]

CALL = """
import ctypes, errno, json, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in arguments])
    return "ok" if done >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> NamespacesPlan:
    made = Namespaces().prepare(shared_plan(tmp_path_factory.mktemp("bottles") / "one", limits=Limits(memory=None, pids=None)))
    assert isinstance(made, NamespacesPlan)
    return made


@pytest.fixture(scope="module")
def bottle(plan: NamespacesPlan) -> Iterator[RunningBottle]:
    held = HeldSockets()
    with Namespaces().launch(plan, held) as running:
        yield running
    held.close()


def holes_of(plan: NamespacesPlan) -> list[str]:
    """What the probe finds in a bottle of this plan, the answers of its gates aside."""
    asked = [question for question in questions(plan) if question["try"] != "answers"]
    held = HeldSockets()
    with Namespaces().launch(plan, held) as running:
        holes = judge(asked, running.probe(asked, timeout_s=20))
    held.close()
    return [str(hole) for hole in holes]


def python(bottle: RunningBottle, code: str) -> Any:  # Any: JSON
    """What the code prints, read as JSON."""
    ended = run_inside(bottle, PYTHON, "-c", code)
    assert ended.code == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


def shell(bottle: RunningBottle, script: str) -> str:
    """What the script prints, both streams, whatever its exit code."""
    ended = run_inside(bottle, "sh", "-c", f"exec 2>&1; {script}")
    return ended.stdout.decode()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers below are those of x86_64")
@pytest.mark.parametrize(
    ("name", "call", "expected"),
    [
        ("a user namespace", "call(272, 0x10000000)", "EPERM"),
        ("a mount namespace", "call(272, 0x20000)", "EPERM"),
        ("clone with a user namespace", "call(56, 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
        ("clone3", "call(435, 0, 0)", "ENOSYS"),
        ("setns", "call(308, 0, 0)", "EPERM"),
        ("mount", "call(165, 0, 0, 0, 0, 0)", "EPERM"),
        ("umount", "call(166, 0, 0)", "EPERM"),
        ("pivot_root", "call(155, 0, 0)", "EPERM"),
        ("fsopen", "call(430, 0, 0)", "EPERM"),
        ("open_tree", "call(428, -100, 0, 1)", "EPERM"),
        ("ptrace", "call(101, 16, 1, 0, 0)", "EPERM"),
        ("process_vm_readv", "call(310, 1, 0, 0, 0, 0, 0)", "EPERM"),
        ("keyctl", "call(250, 0, -4, 0)", "EPERM"),
        ("add_key", "call(248, 0, 0, 0, 0, 0)", "EPERM"),
        ("bpf", "call(321, 0, 0, 0)", "EPERM"),
        ("perf_event_open", "call(298, 0, 0, 0, 0, 0)", "EPERM"),
        ("userfaultfd", "call(323, 0)", "EPERM"),
        ("io_uring_setup", "call(425, 1, 0)", "ENOSYS"),
        ("kexec_load", "call(246, 0, 0, 0, 0)", "EPERM"),
        ("init_module", "call(175, 0, 0, 0)", "EPERM"),
        ("reboot", "call(169, 0, 0, 0, 0)", "EPERM"),
        ("open_by_handle_at", "call(304, 0, 0, 0)", "EPERM"),
        ("swapon", "call(167, 0, 0)", "EPERM"),
        ("quotactl", "call(179, 0, 0, 0, 0)", "EPERM"),
        ("x32 getpid", "call(0x40000000 + 39)", "ENOSYS"),
        ("raw socket", "call(41, 2, 3, 1)", "ESOCKTNOSUPPORT"),
        ("raw socket, close-on-exec", "call(41, 2, 3 | 0o2000000, 1)", "ESOCKTNOSUPPORT"),
        ("packet socket", "call(41, 17, 3, 768)", "EAFNOSUPPORT"),
        ("vsock", "call(41, 40, 1, 0)", "EAFNOSUPPORT"),
        ("netlink audit", "call(41, 16, 3, 9)", "EPROTONOSUPPORT"),
        ("netlink route", "call(41, 16, 3, 0)", "ok"),
        ("sctp", "call(41, 2, 1, 132)", "EPROTONOSUPPORT"),
        ("tcp", "call(41, 2, 1, 0)", "ok"),
    ],
)
def test_system_call(bottle: RunningBottle, name: str, call: str, expected: str) -> None:
    assert python(bottle, f"{CALL}\nprint(json.dumps({call}))") == expected


def test_characters_cannot_be_typed_into_a_terminal(bottle: RunningBottle) -> None:
    code = """
import fcntl, os
_, terminal = os.openpty()
try: fcntl.ioctl(terminal, 0x5412, b"x"); print(0)
except OSError as error: print(error.errno)
"""
    assert python(bottle, code) == errno.EPERM


@pytest.mark.parametrize("name", ["mem", "environ", "maps", "auxv", "stack"])
def test_first_process_cannot_be_read(bottle: RunningBottle, name: str) -> None:
    assert run_inside(bottle, "head", "-c1", f"/proc/1/{name}").code != 0


@pytest.mark.parametrize("name", ["fd/3", "root", "cwd", "exe", "ns/net", "ns/mnt"])
def test_first_process_does_not_say_what_it_holds(bottle: RunningBottle, name: str) -> None:
    assert run_inside(bottle, "readlink", f"/proc/1/{name}").code != 0


@pytest.mark.parametrize("number", [1, 2, 3, 9, 15, 17, 19, 20, 28, 31])
def test_first_process_survives_signals(bottle: RunningBottle, number: int) -> None:
    run_inside(bottle, "sh", "-c", f"for i in 1 2 3; do kill -{number} 1; done")
    assert run_inside(bottle, "echo", "alive").stdout == b"alive\n"
    assert bottle.is_alive()


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/1/oom_score_adj",
        "/etc/passwd",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/usr/bin/env",
        "/run/bot-bottle/ca.pem",
        "/run/bot-bottle/prompt.md",
        "/run/bot-bottle/lib/bot_bottle/guest/portal.py",
    ],
)
def test_file_cannot_be_written(bottle: RunningBottle, path: str) -> None:
    code = f"import os\ntry: os.close(os.open({path!r}, os.O_WRONLY)); print(1)\nexcept OSError as e: print(0)"
    assert python(bottle, code) == 0


@pytest.mark.parametrize(
    "folder",
    ["/", "/etc", "/usr", "/usr/local/bin", "/dev", "/proc", "/run/bot-bottle", "/work", "/home", "/var", "/etc/ssl/certs"],
)
def test_nothing_can_be_made_in(bottle: RunningBottle, folder: str) -> None:
    assert run_inside(bottle, "sh", "-c", f"touch {folder}/new || mkdir {folder}/new || ln -s x {folder}/new").code != 0


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/run", "/dev/shm", "/home/agent", "/work/project"])
def test_place_can_be_written(bottle: RunningBottle, folder: str) -> None:
    script = f"cd {folder} && mkdir -p a b && echo x > a/f && mv a/f b/g && ln b/g a/h && rm -r a b"
    assert run_inside(bottle, "sh", "-c", script).code == 0


@pytest.mark.parametrize(
    "path",
    [
        "/sys",
        "/boot",
        "/srv",
        "/mnt",
        "/media",
        "/var/lib",
        "/var/log",
        "/run/dbus",
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/run/user",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/ssh",
        "/etc/sudoers",
        "/etc/machine-id",
        "/etc/npmrc",
        "/etc/pip.conf",
        "/etc/gitconfig",
        "/etc/resolv.conf",
        "/etc/ssl/private",
        "/dev/kvm",
        "/dev/fuse",
        "/dev/mem",
        "/dev/vda",
        "/dev/net/tun",
        "/dev/console",
    ],
)
def test_path_is_not_there(bottle: RunningBottle, path: str) -> None:
    assert run_inside(bottle, "ls", "-d", path).code != 0


@pytest.mark.parametrize("name", ["kcore", "keys", "kmsg", "timer_list", "kpagecount"])
def test_secret_of_the_kernel_cannot_be_read(bottle: RunningBottle, name: str) -> None:
    assert shell(bottle, f"head -c1 /proc/{name} | wc -c").strip().endswith("0")


def test_homes_hold_nothing_of_the_operator(bottle: RunningBottle) -> None:
    assert shell(bottle, "ls -A /home").split() == ["agent"]
    assert set(shell(bottle, "find /root -mindepth 1 -maxdepth 1 2>/dev/null").split()) <= {"/root/.pyenv", "/root/.local"}


def test_user_is_nobody_special(bottle: RunningBottle) -> None:
    assert shell(bottle, "id -u; id -g; id -un; id -G").split() == ["1000", "1000", "agent", "1000"]
    status = shell(bottle, "cat /proc/self/status")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_every_mount_forbids_setuid(bottle: RunningBottle) -> None:
    for line in shell(bottle, "cat /proc/self/mounts").splitlines():
        assert "nosuid" in line.split()[3].split(","), line


def test_only_the_loopback_exists_and_leads_nowhere(bottle: RunningBottle) -> None:
    assert shell(bottle, "cut -d: -f1 /proc/net/dev | tail -n +3").split() == ["lo"]
    assert shell(bottle, "cat /proc/net/route | wc -l").strip() == "1"


def test_only_its_own_processes_are_seen(bottle: RunningBottle) -> None:
    assert len(shell(bottle, "ls -d /proc/[0-9]*").split()) <= 4


def test_core_dumps_are_off(bottle: RunningBottle) -> None:
    assert shell(bottle, "ulimit -c; ulimit -Hc").split() == ["0", "0"]


def test_host_name_is_the_bottles(bottle: RunningBottle) -> None:
    assert shell(bottle, "uname -n; cat /etc/hostname").split() == ["test-bottle", "test-bottle"]


def test_the_names_of_the_system_stores_lead_to_the_merged_roots(bottle: RunningBottle) -> None:
    assert shell(bottle, "cat /run/bot-bottle/ca.pem /etc/ssl/certs/ca-certificates.crt") == "merged roots\n" * 2


def test_names_do_not_resolve_and_fail_at_once(bottle: RunningBottle) -> None:
    code = """
import json, socket, time
begun = time.monotonic()
try: socket.getaddrinfo("example.com", 443); print(0)
except socket.gaierror: print(json.dumps(time.monotonic() - begun < 1))
"""
    assert python(bottle, code) is True


def test_localhost_resolves(bottle: RunningBottle) -> None:
    code = "import json, socket; print(json.dumps(sorted({row[4][0] for row in socket.getaddrinfo('localhost', 1)})))"
    assert "127.0.0.1" in python(bottle, code)


def test_programs_of_the_host_work(bottle: RunningBottle) -> None:
    assert (
        shell(bottle, "git --version && python3 -c 'import ssl, sqlite3, json; print(1)' && ls /usr/bin | wc -l").count("\n") == 3
    )


def test_probe_finds_no_hole_where_there_is_none(plan: NamespacesPlan) -> None:
    assert holes_of(plan) == []


@pytest.mark.parametrize("path", ["/run/docker.sock", "/run/dbus/system_bus_socket", "/etc/shadow", "/dev/mem"])
def test_probe_names_what_is_shown_by_mistake(plan: NamespacesPlan, tmp_path: Path, path: str) -> None:
    (tmp_path / "shown").touch()
    shown = Bind(host_path=tmp_path / "shown", guest_path=path)
    mounts = [
        mount
        for mount in plan.mounts
        if mount not in (Closed(guest_path="/dev"), *[at for at in plan.mounts if at.guest_path == "/etc"])
    ]
    holes = holes_of(replace(plan, mounts=(*mounts[:-1], shown, mounts[-1])))
    assert any(path in hole for hole in holes)


def test_probe_names_a_writable_system_folder(plan: NamespacesPlan) -> None:
    mounts = tuple(mount for mount in plan.mounts if mount != Closed(guest_path="/run/bot-bottle"))
    assert [hole.partition(":")[0] for hole in holes_of(replace(plan, mounts=mounts, landlock=None))] == [
        "/run/bot-bottle is read-only"
    ]


def test_probe_names_a_gate_that_does_not_answer(bottle: RunningBottle, plan: NamespacesPlan) -> None:
    asked = [
        {"id": "gate", "try": "answers", "port": 3199, "send": "GET / HTTP/1.1\r\n\r\n", "expect": "HTTP/1.1 ", "closed": []}
    ]
    assert [hole.name for hole in judge(asked, bottle.probe(asked, timeout_s=20))] == ["gate"]


def test_landlock_holds_where_a_mount_is_writable_by_mistake(plan: NamespacesPlan, tmp_path: Path) -> None:
    if plan.landlock is None:
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "file").write_text("before")
    shown = Bind(host_path=tmp_path, guest_path="/mistake", writable=True)
    holed = replace(plan, mounts=(*plan.mounts[:-1], shown, plan.mounts[-1]))
    held = HeldSockets()
    with Namespaces().launch(holed, held) as running:
        code = run_inside(running, "sh", "-c", "echo after > /mistake/file || echo more > /mistake/new || rm /mistake/file").code
    held.close()
    assert code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "before"
