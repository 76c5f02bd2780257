"""`BottlePlan`: every decision about one bottle, made before anything starts. The preflight prints this very object."""

from enum import Enum
from pathlib import Path
from signal import SIGTERM

from bot_bottle.manifest.spec import BottleSpec, Mount
from bot_bottle.plans.gate import GATE_PORTS, GatePlan, Line
from bot_bottle.plans.image import ReadyImage
from bot_bottle.record import dataclass

GUEST_HOME = "/home/agent"
GUEST_CA = "/run/bot-bottle/ca.pem"
JAVA_ROOTS = ".config/bot-bottle/java-roots.jks"
"""A file in the home that asks for the bottle's certificate as Java wants it; launch fills it."""


class PromptMode(Enum):
    """How the standing prompt reaches the agent."""

    NONE = "none"
    APPEND_SYSTEM_PROMPT_FILE = "append-system-prompt-file"
    INSTRUCTIONS_FILE = "instructions-file"
    CONFIG_KEY = "config-key"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestFile:
    """A file that prepare writes below the stage dir's `home/`: path relative to the bottle's home, content, mode."""

    path: str
    content: str
    mode: int = 0o600


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentProvision:
    """How one coding agent runs in this bottle; made by its provider, complete.

    `command` is what runs when the bottle starts, guest paths only. `env` is added to the bottle's environment; values are
    plain or inert placeholders. `mounts` are the agent's read-only program folders. `held_files` pairs names of settings in the
    workspace with a content: what holds such a name in a shared workspace must be a file for this agent. `stop_signal` asks the
    agent to end.
    """

    provider: str
    version: str
    command: tuple[str, ...]
    prompt_mode: PromptMode
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[GuestFile, ...] = ()
    mounts: tuple[Mount, ...] = ()
    notes: tuple[Line, ...] = ()
    held_files: tuple[tuple[str, str], ...] = ()
    stop_signal: int = int(SIGTERM)
    dockerfile_path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class BottlePlan:
    """One bottle, decided: frozen, no secret values, nothing started. Each backend adds its own fields in a subclass.

    `stage_dir` is the only folder that prepare writes to (0700). `guest_env` is the whole environment of the agent.
    `prompt_file` always exists, 0600, empty when there is no prompt. `ca_file` is where launch puts the bottle's own CA
    certificate;
    `ca_bundle_file` holds it merged with the roots that this host trusts. `image` is the root file system that the backend
    asked for; without one it uses this machine's own system folders. `choice` says why this backend, when we chose it.
    """

    slug: str
    spec: BottleSpec
    stage_dir: Path
    workspace_dir: Path
    home_dir: Path
    guest_workspace: str
    guest_home: str
    prompt_file: Path
    ca_file: Path
    ca_bundle_file: Path
    guest_env: tuple[tuple[str, str], ...]
    agent_provision: AgentProvision
    egress_plan: GatePlan
    dlp_plan: GatePlan | None = None
    git_gate_plan: GatePlan | None = None
    supervise_plan: GatePlan | None = None
    image: ReadyImage | None = None
    choice: Line | None = None

    @property
    def agent_command(self) -> tuple[str, ...]:
        """What runs in the bottle, guest paths only."""
        return self.agent_provision.command

    @property
    def agent_prompt_mode(self) -> PromptMode:
        """How the standing prompt reaches the agent."""
        return self.agent_provision.prompt_mode

    @property
    def agent_provider_template(self) -> str:
        """The agent provider's name."""
        return self.agent_provision.provider

    @property
    def agent_dockerfile_path(self) -> Path | None:
        """The Dockerfile of the agent's image, where the backend builds images."""
        return self.agent_provision.dockerfile_path

    @property
    def gate_plans(self) -> tuple[GatePlan, ...]:
        """The plans of the gates that this bottle has, egress first."""
        every = (self.egress_plan, self.dlp_plan, self.git_gate_plan, self.supervise_plan)
        return tuple(plan for plan in every if plan is not None)

    @property
    def unproved(self) -> tuple[str, ...]:
        """The containment questions (by id) that are not asked of this backend, because the answer is another there.

        Each is told in `describe_sealing`.
        """
        return ()

    @property
    def own_processes(self) -> int:
        """How many processes of ours run inside before any command does: the portal."""
        return 1

    @property
    def gates_inside(self) -> tuple[str, ...]:
        """The gates that a program inside reaches by a port of the bottle's loopback, in order."""
        return tuple(plan.gate for plan in self.gate_plans if plan.gate in GATE_PORTS)

    def describe_sealing(self) -> tuple[Line, ...]:
        """How this backend cuts the bottle off, and what it cannot do here; subclasses answer."""
        return ()
