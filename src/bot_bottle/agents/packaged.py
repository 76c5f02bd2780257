"""What agents have in common that arrive as packages."""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import DOCKERFILES, AgentProvider, Installed, Provisioning
from bot_bottle.agents.npm import Release, find, install, program_path, this_platform
from bot_bottle.agents.supervised import standing_prompt
from bot_bottle.errors import BottleError
from bot_bottle.manifest.spec import Mount
from bot_bottle.plans.bottle import AgentProvision, GuestFile, PromptMode
from bot_bottle.plans.gate import Line


class Packaged(AgentProvider, ABC):
    """An agent that is installed once and mounted read-only."""

    title: str
    """What its makers call it."""

    @property
    def programs(self) -> str:
        """Where the install folder is inside the bottle."""
        return f"/run/bot-bottle/agents/{self.name}"

    @abstractmethod
    def start(self) -> tuple[str, ...]:
        """The start of the command, guest paths."""

    def sandbox_note(self, options: tuple[str, ...]) -> tuple[Line, ...]:
        """What the preflight says of our options that turn the agent's own questions off; nothing when there are none."""
        if not options:
            return ()
        text = f"{self.title} asks no permission ({' '.join(options)})"
        return (Line(label="agent", text=text, why="the bottle is the sandbox"),)

    def assemble(
        self,
        installed: Installed | None,
        *,
        arguments: tuple[str, ...],
        mode: PromptMode,
        env: tuple[tuple[str, str], ...],
        files: tuple[GuestFile, ...],
        notes: tuple[Line, ...],
        held_files: tuple[tuple[str, str], ...] = (),
    ) -> AgentProvision:
        """One bottle's provision: the program, its arguments, its folder. BottleError when it is not installed."""
        if installed is None:
            raise BottleError(f"{self.title} is not installed.", next=f"Run `bot-bottle agents install {self.name}`.")
        return AgentProvision(
            provider=self.name,
            version=installed.version,
            command=(*self.start(), *arguments),
            prompt_mode=mode,
            env=env,
            files=files,
            mounts=(Mount(host_path=installed.folder, guest_path=self.programs),),
            notes=notes,
            held_files=held_files,
        )


class FromNpm(Packaged, ABC):
    """An agent whose program comes from npm, pinned by its `release`."""

    pinned: Release
    installer = "npm"

    def __init__(self, release: Release | None = None, system: str | None = None) -> None:
        self.release = release or self.pinned
        self.system = system or this_platform()

    def describe_pin(self) -> str:
        """The pinned version."""
        return self.release.main.version

    def installed(self, cache: Path) -> Installed | None:
        """The pinned version in the cache, or None."""
        return find(self.release, cache, self.system)

    def install(self, cache: Path) -> Installed:
        """Bring the pinned version into the cache with npm."""
        return install(self.release, cache, system=self.system, host=os.environ)

    def dockerfile(self) -> Path:
        """A script needs an image with node."""
        return DOCKERFILES / "node.Dockerfile" if self.release.on(self.system).is_script else super().dockerfile()

    def start(self) -> tuple[str, ...]:
        """The start of the command: the program, behind node where it is a script."""
        program = program_path(self.release, self.programs, self.system)
        return ("node", program) if self.release.on(self.system).is_script else (program,)


def prompt_file(path: str, asked: Provisioning, *, can_ask: bool = True) -> tuple[GuestFile, ...]:
    """The standing prompt where the agent looks for its user's own instructions; nothing when there is none."""
    prompt = standing_prompt(asked.spec.prompt, is_supervised=asked.is_supervised and can_ask)
    return (GuestFile(path=path, content=prompt),) if prompt else ()


def json_file(path: str, settings: Mapping[str, object]) -> GuestFile:
    """Settings in the agent's home."""
    return GuestFile(path=path, content=json.dumps(settings, indent=1))


def chooses(args: tuple[str, ...], *options: str) -> bool:
    """Whether the operator's own arguments hold one of these options: theirs stands, ours stays away."""
    return any(arg.partition("=")[0] in options for arg in args)
