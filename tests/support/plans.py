"""Plans for tests of backends: complete, small, in a folder of the test's own."""

import os
import select
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import BundleLink, Child, GuestCommand, RunningBottle, Streams
from bot_bottle.manifest.spec import BottleSpec, Limits, Mount, Workspace, WorkspaceMode
from bot_bottle.plans.bottle import AgentProvision, BottlePlan, PromptMode
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.plans.image import DockerImage, ReadyImage, RootFolder

ENV = (("HOME", "/home/agent"), ("LANG", "C.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("PLANNED", "a b\n'c'"))


@dataclass(frozen=True, kw_only=True)
class NoGate(GatePlan):
    """A gate of this name that decides nothing."""

    gate: str = "egress"

    def describe(self) -> tuple[Line, ...]:
        return ()

    def config(self) -> dict[str, Any]:  # Any: JSON
        return {}

    def secrets(self) -> tuple[Secret, ...]:
        return ()


PATIENCE = float(os.environ.get("BOT_BOTTLE_TEST_PATIENCE", "1"))
"""How much longer everything may take here than on a machine of its own: an emulated processor is ten times slower."""


def image_of_the_engine() -> ReadyImage | None:
    """The image or root folder that an engine's script made for its tests; None on backends that need none."""
    name, root = os.environ.get("BOT_BOTTLE_TEST_IMAGE"), os.environ.get("BOT_BOTTLE_TEST_ROOT")
    if root:
        return RootFolder(folder=Path(root), digest="", origin=root)
    return DockerImage(reference=name, origin=name) if name else None


def usual_limits() -> Limits:
    """Those of a manifest that says nothing; fewer processors where an engine's script knows that they are emulated."""
    cpus = os.environ.get("BOT_BOTTLE_TEST_CPUS")
    return Limits(cpus=float(cpus), memory=1024**3) if cpus else Limits()


def shared_plan(
    stage: Path,
    *,
    slug: str = "test-bottle",
    mode: WorkspaceMode = "copy",
    workspace: Path | None = None,
    limits: Limits | None = None,
    mounts: tuple[Mount, ...] = (),
) -> BottlePlan:
    """The shared part of a plan, its stage dir filled as prepare does it."""
    for folder in ("home", "workspace", "ca"):
        (stage / folder).mkdir(parents=True, exist_ok=True)
    stage.chmod(0o700)
    (stage / "ca/ca.pem").write_text("own\n")
    (stage / "ca/bundle.pem").write_text("merged roots\n")
    (stage / "prompt.md").write_text("Be brief.\n")
    place = workspace or stage / "workspace"
    return BottlePlan(
        slug=slug,
        spec=BottleSpec(
            agent="shell",
            backend="namespaces",
            workspace=Workspace(path=place, mode=mode),
            limits=limits or usual_limits(),
            mounts=mounts,
        ),
        stage_dir=stage,
        workspace_dir=place,
        home_dir=stage / "home",
        guest_workspace="/work/project",
        guest_home="/home/agent",
        prompt_file=stage / "prompt.md",
        ca_file=stage / "ca/ca.pem",
        ca_bundle_file=stage / "ca/bundle.pem",
        guest_env=ENV,
        agent_provision=AgentProvision(provider="shell", version="", command=("sh",), prompt_mode=PromptMode.NONE),
        egress_plan=NoGate(gate="egress"),
        image=image_of_the_engine(),
    )


class HeldSockets(BundleLink):
    """A bundle link that keeps the listening sockets, so that the test can be the gate."""

    def __init__(self) -> None:
        self.sockets: dict[str, socket.socket] = {}

    def pass_sockets(self, sockets: dict[str, int], *, peer: int | None = None) -> None:
        """Keep copies, of the last launch only."""
        self.close()
        self.sockets = {name: socket.socket(fileno=os.dup(descriptor)) for name, descriptor in sockets.items()}

    def close(self) -> None:
        """As when the bundle ends."""
        for held in self.sockets.values():
            held.close()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command left: its exit code and both streams."""

    code: int
    stdout: bytes
    stderr: bytes


def wait(child: Child, *, timeout_s: float = 20.0) -> int:
    """The child's exit code; AssertionError when it does not end."""
    poller = select.poll()
    poller.register(child.fileno(), select.POLLIN)
    deadline = time.monotonic() + timeout_s * PATIENCE
    while (code := child.poll()) is None:
        assert time.monotonic() < deadline, "the command did not end"
        poller.poll(1000)
    return code


def run_inside(
    bottle: RunningBottle, *argv: str, cwd: str = "/work/project", env: tuple[tuple[str, str], ...] = ENV, stdin: bytes = b""
) -> Ended:
    """Run a command inside to its end, on files."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        io = Streams(stdin=given.fileno(), stdout=out.fileno(), stderr=err.fileno())
        child = bottle.start(GuestCommand(argv=argv, env=env, cwd=cwd), io)
        code = wait(child)
        child.close()
        out.seek(0)
        err.seek(0)
        return Ended(code=code, stdout=out.read(), stderr=err.read())


def read_terminal(child: Child, *, until: bytes = b"", timeout_s: float = 20.0) -> bytes:
    """What the terminal prints until `until` appears in it, or until its end."""
    assert child.terminal is not None
    seen = b""
    deadline = time.monotonic() + timeout_s * PATIENCE
    while not until or until not in seen:
        assert time.monotonic() < deadline, f"the terminal printed only {seen!r}"
        if not select.select([child.terminal], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(child.terminal, 4096)
        except OSError:  # EIO: nobody has it open any more (pty(7))
            return seen
        if not part:
            return seen
        seen += part
    return seen
