"""What agents have in common that arrive as packages."""

import os
from abc import ABC
from pathlib import Path

from bot_bottle.agents.base import AgentProvider, Installed
from bot_bottle.agents.npm import Release, find, install, program_path, this_platform
from bot_bottle.errors import BottleError
from bot_bottle.manifest.spec import Mount


class FromNpm(AgentProvider, ABC):
    """An agent whose program comes from npm, pinned by its `release`."""

    title: str
    """What its makers call it."""
    pinned: Release

    def __init__(self, release: Release | None = None, system: str | None = None) -> None:
        self.release = release or self.pinned
        self.system = system or this_platform()

    @property
    def programs(self) -> str:
        """Where the install folder is inside the bottle."""
        return f"/run/bot-bottle/agents/{self.name}"

    def describe_pin(self) -> str:
        """The pinned version."""
        return self.release.main.version

    def installed(self, cache: Path) -> Installed | None:
        """The pinned version in the cache, or None."""
        return find(self.release, cache, self.system)

    def install(self, cache: Path) -> Installed:
        """Bring the pinned version into the cache with npm."""
        return install(self.release, cache, system=self.system, host=os.environ)

    def program(self) -> str:
        """The program's path inside the bottle."""
        return program_path(self.release, self.programs, self.system)

    def start(self) -> tuple[str, ...]:
        """The start of the command: the program, behind node where it is a script."""
        return ("node", self.program()) if self.release.on(self.system).is_script else (self.program(),)

    def mount(self, installed: Installed) -> Mount:
        """The install folder, read-only in the bottle."""
        return Mount(host_path=installed.folder, guest_path=self.programs)


def require(installed: Installed | None, each: FromNpm) -> Installed:
    """The install, which must be there before a bottle is planned."""
    if installed is None:
        raise BottleError(f"{each.title} is not installed.", next=f"Run `bot-bottle agents install {each.name}`.")
    return installed
