"""Inside is another kernel: its facts are gVisor's, and the host's interfaces are not there, whoever asks."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plans import ENV, read_terminal, run_inside

from bot_bottle.backends.base import GuestCommand, RunningBottle, TtySize

Python = Callable[[str], Any]  # Any: JSON

CALL = """
import ctypes, errno, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in arguments])
    return "ok" if done >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
"""


def test_uname_is_gvisors_and_not_the_hosts(python: Python) -> None:
    release, version = python("import json, os; print(json.dumps([os.uname().release, os.uname().version]))")
    assert release == "4.4.0"
    assert release != os.uname().release
    assert version != os.uname().version


def test_proc_version_is_gvisors(bottle: RunningBottle) -> None:
    said = run_inside(bottle, "cat", "/proc/version").stdout.decode()
    assert said.startswith("Linux version 4.4.0 ")
    assert os.uname().release not in said


def test_kernel_log_is_gvisors_own(bottle: RunningBottle) -> None:
    said = run_inside(bottle, "dmesg")
    assert b"gVisor" in said.stdout, said


def test_host_name_and_machine_id_are_not_the_hosts(bottle: RunningBottle) -> None:
    assert run_inside(bottle, "hostname").stdout.strip() == b"test-bottle"
    assert run_inside(bottle, "cat", "/etc/machine-id").code != 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers below are those of x86_64")
@pytest.mark.parametrize(
    ("name", "call", "answers"),
    [
        ("keyctl on the user's keys", "call(250, 6, -4, 0, 0)", {"EACCES", "ENOSYS", "EPERM", "ENOKEY", "EINVAL"}),
        ("keyctl reading the session's keys", "call(250, 11, -3, 0, 0)", {"EACCES", "ENOSYS", "EPERM", "ENOKEY", "EINVAL"}),
        ("add_key", "call(248, 0, 0, 0, 0, -3)", {"EACCES", "ENOSYS", "EPERM"}),
        ("request_key", "call(249, 0, 0, 0, 0)", {"EACCES", "ENOSYS", "EPERM"}),
        ("bpf", "call(321, 0, 0, 0)", {"EPERM", "ENOSYS"}),
        ("perf_event_open", "call(298, 0, 0, -1, -1, 0)", {"ENODEV", "ENOSYS", "EPERM"}),
        ("io_uring_setup", "call(425, 8, 0)", {"ENOSYS", "EPERM"}),
        ("userfaultfd", "call(323, 0)", {"ENOSYS", "EPERM"}),
        ("init_module", "call(175, 0, 0, 0)", {"EPERM", "ENOSYS"}),
        ("finit_module", "call(313, -1, 0, 0)", {"EPERM", "ENOSYS"}),
        ("delete_module", "call(176, 0, 0)", {"EPERM", "ENOSYS"}),
        ("kexec_load", "call(246, 0, 0, 0, 0)", {"EPERM", "ENOSYS"}),
        ("iopl", "call(172, 3)", {"EPERM", "ENOSYS"}),
        ("ioperm", "call(173, 0x80, 1, 1)", {"EPERM", "ENOSYS"}),
        ("reboot", "call(169, 0xfee1dead, 0x28121969, 0x01234567, 0)", {"EPERM", "ENOSYS"}),
        ("swapon", "call(167, 0, 0)", {"EPERM", "ENOSYS"}),
        ("acct", "call(163, 0)", {"EPERM", "ENOSYS"}),
        ("settimeofday", "call(164, 0, 0)", {"EPERM", "ENOSYS"}),
        ("lookup_dcookie", "call(212, 0, 0, 0)", {"EPERM", "ENOSYS"}),
        ("open_by_handle_at", "call(304, -100, 0, 0)", {"EPERM", "ENOSYS", "ENOTSUP"}),
        ("setns", "call(308, os.open('/proc/1/ns/net', os.O_RDONLY), 0)", {"EPERM", "EINVAL", "ENOSYS"}),
    ],
)
def test_interface_of_a_host_kernel_is_absent(python: Python, name: str, call: str, answers: set[str]) -> None:
    code = f"""{CALL}
try:
    done = {call}
except OSError as error:
    done = errno.errorcode[error.errno]
print(json.dumps(done))"""
    assert python(code) in answers | ({"EACCES", "ENOENT"} if name == "setns" else set())


@pytest.mark.parametrize(
    ("name", "family", "kind", "protocol"),
    [
        ("raw", 2, 3, 255),
        ("raw ICMP", 2, 3, 1),
        ("raw IPv6", 10, 3, 58),
        ("packet", 17, 3, 3),
        ("packet datagram", 17, 2, 3),
        ("vsock", 40, 1, 0),
        ("bluetooth", 31, 3, 1),
        ("kernel crypto", 38, 5, 0),
        ("XDP", 44, 3, 0),
        ("RDS", 21, 5, 0),
        ("TIPC", 30, 1, 0),
        ("netlink audit", 16, 3, 9),
        ("netlink netfilter", 16, 3, 12),
    ],
)
def test_socket_to_anything_but_the_loopback_is_absent(python: Python, name: str, family: int, kind: int, protocol: int) -> None:
    code = f"""{CALL}
try:
    socket.socket({family}, {kind}, {protocol}).close()
    print(json.dumps("made"))
except OSError as error:
    print(json.dumps(errno.errorcode[error.errno]))"""
    assert python(code) in {"EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EINVAL"}, name


@pytest.mark.parametrize(
    "path",
    [
        "/sys/kernel",
        "/sys/module",
        "/sys/class/net",
        "/sys/fs/cgroup",
        "/proc/modules",
        "/proc/kallsyms",
        "/proc/kcore",
        "/proc/keys",
        "/proc/key-users",
        "/proc/kmsg",
        "/proc/config.gz",
        "/proc/iomem",
        "/proc/ioports",
        "/proc/sched_debug",
        "/proc/timer_list",
        "/proc/slabinfo",
        "/proc/scsi",
        "/proc/acpi",
        "/lib/modules/host",
        "/dev/kvm",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/port",
        "/dev/sda",
        "/dev/vda",
        "/dev/vhost-net",
        "/dev/net/tun/x",
    ],
)
def test_file_of_a_host_kernel_is_absent(python: Python, path: str) -> None:
    assert python(f"import json, os; print(json.dumps(os.path.lexists({path!r})))") is False


def test_tun_devices_cannot_be_opened_for_use(python: Python) -> None:
    """gVisor has the file; making an interface of it needs a capability that nobody inside holds."""
    code = f"""{CALL}
import fcntl, struct
try:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454ca, struct.pack("16sH14x", b"tun0", 1))
    print(json.dumps("made"))
except OSError as error:
    print(json.dumps(errno.errorcode[error.errno]))"""
    assert python(code) in {"EPERM", "EACCES", "ENOENT", "ENXIO", "ENODEV"}


def test_agent_holds_no_capability_and_gets_none(bottle: RunningBottle) -> None:
    said = run_inside(bottle, "grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status").stdout.decode()
    sets = {line.split(":")[0]: int(line.split()[1], 16) for line in said.splitlines() if line.startswith("Cap")}
    assert sets
    assert not any(sets.values()), said


def test_agent_is_user_1000_and_owns_its_files(bottle: RunningBottle) -> None:
    said = run_inside(bottle, "sh", "-c", "id -u; id -g; touch mine; stat -c %u mine; stat -c %u ~").stdout.split()
    assert said == [b"1000", b"1000", b"1000", b"1000"]


LOOK = f"""{CALL}
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def tried(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno]
first = int(open("/proc/1/maps").readline().split("-")[0], 16)
room = ctypes.create_string_buffer(16)
here, there = Vector(ctypes.addressof(room), 16), Vector(first, 16)
found = {{
    "attach": call(101, 16, 1, 0, 0),
    "seize": call(101, 0x4206, 1, 0, 0),
    "read": call(310, 1, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0),
    "write": call(311, 1, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0),
    "channel": tried(lambda: os.open("/proc/1/fd/3", os.O_RDWR)),
    "descriptor": call(438, call(434, 1, 0) == "ok" and 3, 3, 0),
    "memory": tried(lambda: len(os.pread(os.open("/proc/1/mem", os.O_RDONLY), 16, first))),
    "kill": tried(lambda: os.kill(1, 9)),
}}
print(json.dumps(found))"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86_64")
def test_agent_cannot_look_into_the_first_process_or_end_it(python: Python, bottle: RunningBottle) -> None:
    found = python(LOOK)
    assert not [
        name for name, answer in found.items() if answer not in ("EPERM", "EACCES", "ESRCH", "ENXIO", "ENOSYS", "ENOENT", "EBADF")
    ], found
    assert bottle.is_alive()


def test_agent_cannot_end_the_forwarder(bottle: RunningBottle) -> None:
    said = run_inside(bottle, "sh", "-c", "for n in 2 3 4 5; do kill -9 $n && echo killed $n; done 2>/dev/null; true").stdout
    assert said == b""


def test_a_terminal_can_be_opened_again_by_its_name(bottle: RunningBottle) -> None:
    """As ssh, sudo and gpg do to ask for a passphrase."""
    child = bottle.start(
        GuestCommand(argv=("sh", "-c", "echo to-tty > $(tty) && tty"), env=ENV, cwd="/"), TtySize(rows=24, cols=80)
    )
    said = read_terminal(child)
    assert b"to-tty" in said
    assert b"/dev/pts/" in said
    child.close()


def test_clock_of_the_host_cannot_be_set(python: Python) -> None:
    code = f"""{CALL}
import time
try:
    time.clock_settime(0, 1)
    print(json.dumps("set"))
except OSError as error:
    print(json.dumps(errno.errorcode[error.errno]))"""
    assert python(code) in {"EPERM", "ENOSYS"}


def test_processes_of_the_host_are_not_to_be_seen(python: Python) -> None:
    seen = python("import json, os; print(json.dumps([name for name in os.listdir('/proc') if name.isdigit()]))")
    assert len(seen) == 3  # the portal, the forwarder, and this


def test_memory_and_processors_are_gvisors_account(bottle: RunningBottle) -> None:
    assert run_inside(bottle, "sh", "-c", "head -1 /proc/meminfo && nproc").code == 0


def test_programs_of_this_machine_work_inside(bottle: RunningBottle) -> None:
    for program in ("git", "python3", "bash"):
        if Path("/usr/bin", program).exists():
            assert run_inside(bottle, program, "--version").code == 0
