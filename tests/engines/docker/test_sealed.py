"""What a hostile agent tries inside a container, with real system calls, against listeners that are really there."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plans import HeldSockets, run_inside, shared_plan

from bot_bottle.backends.base import RunningBottle
from bot_bottle.backends.docker.backend import Docker
from bot_bottle.backends.docker.engine import container
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.bottles.contain import judge, questions
from bot_bottle.host.addresses import own_addresses, resolvers
from bot_bottle.manifest.spec import Limits, Mount

PYTHON = "/usr/bin/python3"
IMAGE = os.environ.get("BOT_BOTTLE_TEST_IMAGE", "")
CALL = """
import ctypes, errno, json, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in arguments])
    return "ok" if done >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
"""
REACH = """
import errno, json, socket, sys
def tried(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return "reached"
    except OSError as error:
        return errno.errorcode.get(error.errno, repr(error))
print(json.dumps([tried(host, port) for host, port in json.loads(sys.argv[1])]))
"""


def python(bottle: RunningBottle, code: str, *words: str) -> Any:  # Any: JSON
    """What the code prints, read as JSON."""
    ended = run_inside(bottle, PYTHON, "-c", code, *words)
    assert ended.code == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


def shell(bottle: RunningBottle, script: str) -> str:
    """What the script prints, both streams, whatever its exit code."""
    return run_inside(bottle, "sh", "-c", f"exec 2>&1; {script}").stdout.decode()


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def test_probe_finds_no_hole(bottle: RunningBottle, plan: DockerPlan) -> None:
    asked = [one for one in questions(plan, own_addresses=own_addresses(), resolvers=resolvers()) if one["try"] != "answers"]
    assert judge(asked, bottle.probe(asked, timeout_s=20)) == ()


def test_probe_finds_a_network_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(plan: DockerPlan) -> dict[str, Any]:  # Any: JSON
        sealed = container(plan)
        return sealed | {"NetworkDisabled": False, "HostConfig": sealed["HostConfig"] | {"NetworkMode": "bridge"}}

    monkeypatch.setattr("bot_bottle.backends.docker.engine.container", opened)
    plan = Docker().prepare(shared_plan(tmp_path / "one"))
    asked = [one for one in questions(plan) if one["try"] != "answers"]
    held = HeldSockets()
    with Docker().launch(plan, held) as running:
        holes = {hole.name for hole in judge(asked, running.probe(asked, timeout_s=60))}
    held.close()
    assert "network interfaces" in holes


LISTEN = "import socket; s = socket.create_server(('0.0.0.0', 0), backlog=5); print(s.getsockname()[1], flush=True); input()"


@contextlib.contextmanager
def listening(*prefix: str) -> Iterator[int]:
    """A listener on every address, here or in the daemon's network namespace; its port."""
    argv = [*prefix, sys.executable, "-c", LISTEN]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate(b"\n")


@pytest.fixture(scope="module")
def listeners() -> Iterator[list[tuple[str, int]]]:
    """The host on loopback and its own address, the bridge's gateway, a container on the bridge, a port that it publishes."""
    in_daemon = ("nsenter", "--net", f"--target={os.environ['BOT_BOTTLE_TEST_DOCKERD']}")
    program = "import socket, time; s = socket.create_server(('0.0.0.0', 5000)); time.sleep(600)"
    other = docker("run", "-d", "-p", "5001:5000", IMAGE, "python3", "-c", program)
    try:
        address, gateway = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}", other).split()
        with listening() as here, listening(*in_daemon) as there:
            found = [("127.0.0.1", here), *((one, here) for one in own_addresses() if ":" not in one)]
            yield [*found, (gateway, there), (gateway, 5001), (address, 5000)]
    finally:
        docker("rm", "-f", other)


def test_listeners_can_be_reached_from_where_there_is_a_network(listeners: list[tuple[str, int]]) -> None:
    in_daemon = ("nsenter", "--net", f"--target={os.environ['BOT_BOTTLE_TEST_DOCKERD']}")
    bridged = [pair for pair in listeners if pair[0].startswith("172.")]
    assert len(bridged) >= 3
    done = subprocess.run([*in_daemon, sys.executable, "-c", REACH, json.dumps(bridged)], capture_output=True, check=True)
    assert set(json.loads(done.stdout)) == {"reached"}
    done = subprocess.run([sys.executable, "-c", REACH, json.dumps([listeners[0]])], capture_output=True, check=True)
    assert json.loads(done.stdout) == ["reached"]


def test_no_listener_of_host_bridge_or_container_is_reached(bottle: RunningBottle, listeners: list[tuple[str, int]]) -> None:
    answers = python(bottle, REACH, json.dumps(listeners))
    assert dict(zip(map(tuple, listeners), answers, strict=True)) == {
        pair: "ECONNREFUSED" if pair[0].startswith("127.") else "ENETUNREACH" for pair in listeners
    }


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.11", 53),  # Docker's own resolver
        ("169.254.169.254", 80),
        ("fd00:ec2::254", 80),
        ("2001:db8::1", 443),
        ("192.0.2.1", 443),
        ("::1", 3128),
        ("fe80::1%lo", 80),
        ("host.docker.internal", 80),
        ("gateway.docker.internal", 80),
    ],
)
def test_nothing_else_answers(bottle: RunningBottle, host: str, port: int) -> None:
    assert python(bottle, REACH, json.dumps([(host, port)])) != ["reached"]


def test_names_are_not_resolved_and_the_hosts_resolver_is_not_told(bottle: RunningBottle) -> None:
    code = "import json, socket, sys; print(json.dumps(socket.getaddrinfo('example.com', 443)))"
    answer = run_inside(bottle, PYTHON, "-c", code).stderr.decode()
    assert "name resolution" in answer or "not known" in answer
    assert "nameserver" not in shell(bottle, "cat /etc/resolv.conf")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers below are those of x86_64")
@pytest.mark.parametrize(
    ("name", "call", "expected"),
    [
        ("a user namespace", "call(272, 0x10000000)", "EPERM"),
        ("clone with a user namespace", "call(56, 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
        ("clone3", "call(435, 0, 0)", "ENOSYS"),
        ("setns", "call(308, 0, 0)", "EPERM"),
        ("mount", "call(165, 0, 0, 0, 0, 0)", "EPERM"),
        ("umount", "call(166, 0, 0)", "EPERM"),
        ("chroot", "call(161, 0)", "EPERM"),
        ("fsopen", "call(430, 0, 0)", "EPERM"),
        ("ptrace", "call(101, 16, 1, 0, 0)", "EPERM"),
        ("keyctl", "call(250, 0, -4, 0)", "EPERM"),
        ("bpf", "call(321, 0, 0, 0)", "EPERM"),
        ("perf_event_open", "call(298, 0, 0, 0, 0, 0)", "EPERM"),
        ("userfaultfd", "call(323, 0)", "EPERM"),
        ("io_uring_setup", "call(425, 1, 0)", "ENOSYS"),
        ("init_module", "call(175, 0, 0, 0)", "EPERM"),
        ("open_by_handle_at", "call(304, 0, 0, 0)", "EPERM"),
        ("x32 getpid", "call(0x40000000 + 39)", "ENOSYS"),
        ("raw socket", "call(41, 2, 3, 1)", "ESOCKTNOSUPPORT"),
        ("packet socket", "call(41, 17, 3, 768)", "EAFNOSUPPORT"),
        ("vsock", "call(41, 40, 1, 0)", "EAFNOSUPPORT"),
        ("device node", "call(133, 0, 0o20666, 0x103)", "EFAULT"),
        ("setuid", "call(105, 0)", "EPERM"),
        ("tcp", "call(41, 2, 1, 0)", "ok"),
    ],
)
def test_system_call(bottle: RunningBottle, name: str, call: str, expected: str) -> None:
    assert python(bottle, f"{CALL}\nprint(json.dumps({call}))") == expected


def test_processes_have_no_capability_and_can_gain_none(bottle: RunningBottle) -> None:
    rows = dict(row.split(":\t") for row in shell(bottle, "cat /proc/self/status").splitlines())
    assert {rows[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (rows["NoNewPrivs"], rows["Seccomp"]) == ("1", "2")
    assert int(rows["Seccomp_filters"]) >= 2


def test_device_nodes_cannot_be_made_nor_used(bottle: RunningBottle) -> None:
    said = shell(bottle, "mknod /tmp/disk b 8 0; mknod /work/project/mem c 1 1; ls /dev")
    assert said.count("Operation not permitted") == 2
    devices = set(said.splitlines()[2:])
    allowed = {
        "core",
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
    }
    assert devices <= allowed | {"zero"}


@pytest.mark.parametrize(
    "path", [f"/proc/{name}" for name in ("sys/kernel/core_pattern", "sys/vm/drop_caches", "sysrq-trigger", "1/mem")]
)
def test_kernel_files_cannot_be_written(bottle: RunningBottle, path: str) -> None:
    assert run_inside(bottle, "sh", "-c", f"echo 1 > {path}").code != 0


@pytest.mark.parametrize(
    "path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/1/environ", "/proc/1/mem", "/proc/kmsg"]
)
def test_kernel_files_tell_nothing(bottle: RunningBottle, path: str) -> None:
    ended = run_inside(bottle, "head", "-c", "100", path)
    assert ended.stdout == b""


def test_there_is_no_sys_and_no_control_group_to_write(bottle: RunningBottle) -> None:
    assert shell(bottle, "ls -A /sys | wc -l").split() == ["0"]
    assert "No such file" in shell(bottle, "ls /sys/fs/cgroup /sys/kernel")
    assert "Read-only" in shell(bottle, "mkdir /sys/x") or "denied" in shell(bottle, "mkdir /sys/x")


def test_the_door_is_shut_and_empty(bottle: RunningBottle, plan: DockerPlan) -> None:
    assert shell(bottle, "ls -A /run/bot-bottle/door").strip() == ""
    assert list(plan.door.iterdir()) == []
    assert run_inside(bottle, "touch", "/run/bot-bottle/door/portal.sock").code != 0


def test_no_socket_of_docker_or_of_ours_is_inside(bottle: RunningBottle) -> None:
    found = shell(bottle, "find / -xdev -type s 2>/dev/null; find /run /work /home /tmp -type s; ls -d /var/run/docker.sock")
    assert "docker.sock" in found.splitlines()[-1]
    assert "No such file" in found.splitlines()[-1]
    assert len(found.splitlines()) == 1


def test_mounts_tell_no_path_of_the_stage_dir_that_can_be_opened(bottle: RunningBottle, plan: DockerPlan) -> None:
    for path in (plan.stage_dir, plan.stage_dir / "ca", Path.home() / ".cache"):
        assert run_inside(bottle, "ls", str(path)).code != 0


def test_links_lead_nowhere_outside(bottle: RunningBottle, plan: DockerPlan, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the operator's")
    script = (
        f"ln -s {secret} link; ln -s ../../../../../../../..{secret} up; ln {secret} hard; cat link up hard /proc/1/root{secret}"
    )
    assert "operator" not in shell(bottle, script)
    assert not (plan.workspace_dir / "hard").exists()


def test_files_between_mounts_cannot_be_linked_hard(bottle: RunningBottle) -> None:
    said = shell(bottle, "ln /etc/passwd mine; ln /run/bot-bottle/ca.pem mine2; ls mine mine2")
    assert said.count("cannot access") == 2


def test_set_user_id_programs_give_nothing(bottle: RunningBottle) -> None:
    assert shell(bottle, "echo | su -c id 2>&1 || true").find("uid=0") < 0
    assert "uid=1000" in shell(bottle, "id") or "uid=0" in shell(bottle, "id")


def test_bottles_do_not_meet(bottle: RunningBottle, tmp_path: Path) -> None:
    held = HeldSockets()
    with Docker().launch(Docker().prepare(shared_plan(tmp_path / "two", slug="two")), held) as other:
        run_inside(other, "sh", "-c", "echo theirs > /tmp/file; (python3 -m http.server 8123 >/dev/null 2>&1 &)")
        assert python(bottle, REACH, json.dumps([("127.0.0.1", 8123)])) == ["ECONNREFUSED"]
        assert shell(bottle, "cat /tmp/file; ls /dev/mqueue /dev/shm; pgrep -f [h]ttp.server").count("theirs") == 0
        assert shell(bottle, "pgrep -f [h]ttp.server").strip() == ""
    held.close()


def test_read_only_mount_is_read_only_and_shows_nothing_mounted_below_it(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    (folder / "below").mkdir(parents=True)
    (folder / "file").write_text("here")
    subprocess.run(["mount", "-t", "tmpfs", "none", str(folder / "below")], check=True)
    held = HeldSockets()
    try:
        (folder / "below" / "deep").write_text("below")
        mounts = (Mount(host_path=folder, guest_path="/given", writable=False),)
        with Docker().launch(Docker().prepare(shared_plan(tmp_path / "one", mounts=mounts)), held) as running:
            said = shell(running, "cat /given/file; touch /given/new; touch /given/below/new")
        assert said.startswith("here")
        assert not (folder / "new").exists()
        assert not (folder / "below" / "new").exists()
    finally:
        subprocess.run(["umount", str(folder / "below")], check=True)
        held.close()


def test_memory_and_processes_are_limited(tmp_path: Path) -> None:
    held = HeldSockets()
    limits = Limits(memory=64 * 1024**2, pids=20)
    with Docker().launch(Docker().prepare(shared_plan(tmp_path / "one", limits=limits)), held) as running:
        assert run_inside(running, PYTHON, "-c", "x = bytearray(200 * 1024**2)").code == 137
        assert run_inside(running, "sh", "-c", "for i in $(seq 40); do sleep 5 & done; wait").code != 0
        assert running.is_alive()
    held.close()


def test_gates_socket_is_all_that_listens(bottle: RunningBottle) -> None:
    rows = shell(bottle, "cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6").splitlines()
    listening_ports = [
        int(row.split()[1].rpartition(":")[2], 16) for row in rows if "address" not in row and row.split()[3] == "0A"
    ]
    assert listening_ports == [3128]


def test_control_socket_of_the_bundle_cannot_be_reached_by_any_name(bottle: RunningBottle, plan: DockerPlan) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(plan.stage_dir / "bundle.sock"))
        control.listen(1)
        code = "import socket, sys; print(str(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]) == 0).lower())"
        for path in (str(plan.stage_dir / "bundle.sock"), "/run/bot-bottle/bundle.sock", "/run/bot-bottle/door/../bundle.sock"):
            assert python(bottle, code, path) is False
