"""Hatch's build hook: compiles the guest forwarder into the wheel, for both machines, with the Zig compiler from PyPI.

An editable installation gets none: there the program is compiled when a backend first needs it (backends/forwarder.py).
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong", "-Wall", "-Wextra", "-Werror")
"""As in backends/forwarder.py, which cannot be imported while nothing is installed; a test compares them."""


class ForwarderHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's configuration, unused here
    """See the module."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """The compiler; also asked for by editable builds, which cannot be told apart here."""
        return ["ziglang>=0.15"] if self.target_name == "wheel" else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # Any: hatch's own
        """Compile, and have the programs put beside their source."""
        if self.target_name != "wheel" or version == "editable":
            return
        source = Path(self.root, "src/bot_bottle/guest/forwarder/forwarder.c")
        folder = Path(self.directory) / "forwarder"
        folder.mkdir(parents=True, exist_ok=True)
        for machine, target in TARGETS.items():
            made = folder / f"forwarder-{machine}"
            argv = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, str(source), "-o", str(made)]
            subprocess.run(argv, check=True, timeout=600)
            build_data["force_include"][str(made)] = f"bot_bottle/guest/forwarder/bin/{made.name}"
