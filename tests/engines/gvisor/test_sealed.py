"""What a hostile agent tries in a bottle of gVisor: networks, the host's files and sockets, the gates' folder."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plans import HeldSockets, run_inside, shared_plan
from shop import Shop

from bot_bottle.backends.base import RunningBottle
from bot_bottle.backends.gvisor.backend import Gvisor
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.bottles.contain import judge, questions
from bot_bottle.host.addresses import own_addresses, resolvers

Python = Callable[[str], Any]  # Any: JSON


def asked_of(plan: GvisorPlan) -> list[dict[str, Any]]:  # Any: JSON
    """Everything but the gates' answers: here nobody serves them."""
    every = questions(plan, own_addresses=own_addresses(), resolvers=resolvers())
    return [question for question in every if question["try"] != "answers"]


def test_containment_probe_finds_nothing(bottle: RunningBottle, plan: GvisorPlan) -> None:
    asked = asked_of(plan)
    assert len(asked) > 50
    assert judge(asked, bottle.probe(asked, timeout_s=20)) == ()


def test_probe_finds_a_hole_when_there_is_one(tmp_path: Path) -> None:
    """The same plan with the host's /sys and a network of the host's: the probe is no formality."""
    plan = Gvisor().prepare(shared_plan(tmp_path / "one"))
    assert isinstance(plan, GvisorPlan)
    (plan.root / "holes").mkdir()
    asked = [*asked_of(plan), {"id": "root is read-only", "try": "create", "closed": ["EROFS"], "path": "/holes"}]
    assert judge(asked, probed(plan, asked)) == ()
    open_plan = plan_with_writable_root(plan)
    assert "root is read-only" in [hole.name for hole in judge(asked, probed(open_plan, asked))]


def plan_with_writable_root(plan: GvisorPlan) -> GvisorPlan:
    from bot_bottle.record import replace

    return replace(plan, is_image=True)


def probed(plan: GvisorPlan, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:  # Any: JSON
    held = HeldSockets()
    with Gvisor().launch(plan, held) as running:
        answers = running.probe(asked, timeout_s=20)
    held.close()
    return answers


def test_only_the_loopback_is_there(python: Python) -> None:
    assert python("import json, socket; print(json.dumps([name for _, name in socket.if_nameindex()]))") == ["lo"]


def test_no_secret_of_the_host_is_to_be_read(bottle: RunningBottle, plan: GvisorPlan) -> None:
    for path in (
        "/etc/shadow",
        "/root/.ssh",
        "/root/.cache",
        str(plan.stage_dir),
        str(plan.stage_dir / "backend"),
        "/var/run/docker.sock",
    ):
        assert run_inside(bottle, "ls", path).code != 0, path


@pytest.mark.parametrize("path", ["/usr/new", "/etc/new", "/new", "/run/bot-bottle/new", "/run/bot-bottle/gates/new", "/sys/new"])
def test_nothing_can_be_written_beside_what_is_the_bottles(bottle: RunningBottle, path: str) -> None:
    assert run_inside(bottle, "touch", path).code != 0


@pytest.mark.parametrize("path", ["/tmp/new", "/run/new", "/dev/shm/new", "/home/agent/new", "/work/project/new"])
def test_what_is_the_bottles_can_be_written(bottle: RunningBottle, path: str) -> None:
    assert run_inside(bottle, "sh", "-c", f"echo x > {path} && rm {path}").code == 0


def test_gates_folder_holds_the_gates_and_nothing_else(bottle: RunningBottle) -> None:
    assert run_inside(bottle, "ls", "-A", "/run/bot-bottle/gates").stdout.split() == [b"egress"]


def test_gates_sockets_cannot_be_removed_or_replaced(bottle: RunningBottle) -> None:
    for script in (
        "rm -f /run/bot-bottle/gates/egress",
        "mv /run/bot-bottle/gates/egress /tmp/",
        "chmod 777 /run/bot-bottle/gates/egress",
    ):
        assert run_inside(bottle, "sh", "-c", script).code != 0


def test_host_sockets_outside_shared_folders_are_out_of_reach(bottle: RunningBottle, python: Python, tmp_path: Path) -> None:
    """By path and by abstract name: the kernel inside knows only its own."""
    folder = Path("/tmp") / f"bot-bottle-test-{os.getpid()}"
    folder.mkdir()
    try:
        with socket.socket(socket.AF_UNIX) as by_path, socket.socket(socket.AF_UNIX) as abstract:
            by_path.bind(str(folder / "s"))
            by_path.listen()
            abstract.bind(f"\0bot-bottle-test-{os.getpid()}")
            abstract.listen()
            for address in (f"{folder}/s", f"\0bot-bottle-test-{os.getpid()}"):
                code = f"import json, socket; print(json.dumps(socket.socket(socket.AF_UNIX).connect_ex({address!r})))"
                assert python(code) != 0
    finally:
        shutil.rmtree(folder)


def test_sockets_made_inside_are_no_sockets_of_the_host(bottle: RunningBottle, plan: GvisorPlan) -> None:
    """`--host-uds=open` opens and never makes: a socket in the workspace could lure a program of the operator."""
    code = "import socket; socket.socket(socket.AF_UNIX).bind('/work/project/lure')"
    run_inside(bottle, "/usr/bin/python3", "-c", code)
    assert not (plan.workspace_dir / "lure").is_socket()


def test_devices_and_setuid_programs_cannot_be_made_for_the_host(bottle: RunningBottle, plan: GvisorPlan) -> None:
    assert run_inside(bottle, "mknod", "/work/project/device", "b", "8", "0").code != 0
    run_inside(bottle, "sh", "-c", "cp /bin/true suid && chmod 6755 suid")
    made = plan.workspace_dir / "suid"
    assert not made.exists() or made.stat().st_uid == os.getuid()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_shared_folder_keeps_its_hooks_and_settings(launch: Callable[..., RunningBottle], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(["git", "init", "-q", project], check=True)
    running = launch("shared", mode="bind", workspace=project)
    attempts = ("echo evil > .git/hooks/post-checkout", "echo '[evil]' >> .git/config", "echo evil > .vscode/tasks.json")
    for attempt in attempts:
        run_inside(running, "sh", "-c", attempt)
    run_inside(running, "sh", "-c", "echo fine > code")
    assert not (project / ".git/hooks/post-checkout").exists()
    assert "evil" not in (project / ".git/config").read_text()
    assert not (project / ".vscode/tasks.json").exists()
    assert (project / "code").read_text() == "fine\n"


def test_changes_of_the_operator_in_a_shared_folder_are_seen_inside(launch: Callable[..., RunningBottle], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "file").write_text("before")
    running = launch("shared", mode="bind", workspace=project)
    assert run_inside(running, "cat", "file").stdout == b"before"
    (project / "file").write_text("after, and longer")
    assert run_inside(running, "cat", "file").stdout == b"after, and longer"


def test_a_request_goes_through_the_egress_gate_and_a_denial_comes_back(shop: Shop) -> None:
    script = "curl -sS --max-time 20 -w '|%{http_code}' http://example.com/; curl -sS --max-time 20 https://example.com/"
    done = shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", script)
    plain, _, encrypted = done.stdout.partition(b"|403")
    assert b"no rule allows" in plain, done
    assert b"no rule allows" in encrypted, done


def test_containment_is_recorded_and_the_plan_says_whose_kernel_it_is(shop: Shop) -> None:
    done = shop.bot_bottle("run", "--name", "kept", "shell", "--", "true")
    assert done.returncode == 0, done.stderr
    assert b"gVisor" in done.stderr
    record = json.loads((shop.bottles() / "kept" / "events.jsonl").read_text().splitlines()[1])
    assert (record["event"], record["holes"]) == ("containment", [])


def test_nothing_of_runsc_is_left_behind(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "--name", "kept", "shell", "--", "true")
    assert {path.name for path in (shop.bottles() / "kept").rglob("*")} & {"config.json", "state", "overlay"} == set()
