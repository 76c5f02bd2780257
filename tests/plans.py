"""Plans for tests of backends: complete, small, in a folder of the test's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot_bottle.manifest.spec import BottleSpec, Limits, Mount, Workspace, WorkspaceMode
from bot_bottle.plans.bottle import AgentProvision, BottlePlan, PromptMode
from bot_bottle.plans.gate import GatePlan, Line, Secret

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
            limits=limits or Limits(),
            mounts=mounts,
        ),
        stage_dir=stage,
        workspace_dir=place,
        guest_workspace="/work/project",
        guest_home="/home/agent",
        prompt_file=stage / "prompt.md",
        ca_file=stage / "ca/ca.pem",
        ca_bundle_file=stage / "ca/bundle.pem",
        guest_env=ENV,
        agent_provision=AgentProvision(provider="shell", version="", command=("sh",), prompt_mode=PromptMode.NONE),
        egress_plan=NoGate(gate="egress"),
    )


@dataclass
class HeldSockets:
    """A bundle link that keeps the listening sockets, so that the test can be the gate."""

    sockets: dict[str, Any] = field(default_factory=dict)

    def close(self) -> None:
        for held in self.sockets.values():
            held.close()
