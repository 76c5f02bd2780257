"""Hatch's build hook: compiles the programs that run inside bottles into the wheel, for both machines, with PyPI's Zig compiler.

An editable installation gets none: there the forwarder is compiled when a backend first needs it
(backends/guest_programs.py), and the portal by scripts/build_guest.py.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror")
"""As in backends/guest_programs.py, which cannot be imported while nothing is installed; a test compares them."""

PROGRAMS = {
    "forwarder": ("forwarder/*.c", "forwarder/bin"),
    "portal": ("portal_c/*.c", "bin"),
    "machine": ("machine_c/*.c portal_c/[cju]*.c portal_c/probe.c", "bin"),
}
"""Program → its sources and the folder it goes to, below the package's guest/."""


class GuestHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's configuration, unused here
    """See the module."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """The compiler; also asked for by editable builds, which cannot be told apart here."""
        return ["ziglang>=0.15"] if self.target_name == "wheel" else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # Any: hatch's own
        """Compile, and have the programs put beside their source."""
        if self.target_name != "wheel" or version == "editable":
            return
        guest = Path(self.root, "src/bot_bottle/guest")
        for program, (sources, place) in PROGRAMS.items():
            folder = Path(self.directory) / program
            folder.mkdir(parents=True, exist_ok=True)
            for machine, target in TARGETS.items():
                made = folder / f"{program}-{machine}"
                files = sorted(str(file) for one in sources.split() for file in guest.glob(one))
                argv = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, *files, "-o", str(made)]
                subprocess.run(argv, check=True, timeout=600)
                build_data["force_include"][str(made)] = f"bot_bottle/guest/{place}/{made.name}"
