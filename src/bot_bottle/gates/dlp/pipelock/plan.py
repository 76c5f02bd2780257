"""How the pipelock program is run for one bottle, decided: the program, its configuration, its time limits."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.errors import CannotRunHere
from bot_bottle.record import dataclass

VARIABLE = "BOT_BOTTLE_PIPELOCK"
"""Names the program when it is not the `pipelock` on PATH."""

TEXT = 512 * 1024
"""Most bytes that its scan interface takes in one text (pipelock's documentation, scan API)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelockProxyPlan:
    """Everything but the ports and the token, which launch makes: they are not decisions.

    `scan_timeout_s` bounds one question; when it is over, the request is denied.
    """

    binary: Path
    start_timeout_s: float = 15.0
    scan_timeout_s: float = 5.0

    def render(self, *, scan_listen: str, token: str) -> str:
        """Its configuration file: JSON, which is YAML. The egress gate decides hosts and addresses; pipelock judges content."""
        return json.dumps(
            {
                "version": 1,
                "mode": "balanced",
                "api_allowlist": ["*"],
                "internal": [],
                "forward_proxy": {"enabled": False},
                "response_scanning": {"enabled": True, "action": "block"},
                "mcp_input_scanning": {"enabled": True, "action": "block"},
                "scan_api": {
                    "listen": scan_listen,
                    "auth": {"bearer_tokens": [token]},
                    "rate_limit": {"requests_per_minute": 1_000_000, "burst": 100_000},
                    "max_body_bytes": 8 * TEXT,
                    "field_limits": {"url": 8192, "text": TEXT, "content": TEXT, "arguments": TEXT},
                    "timeouts": {"read": "5s", "write": "5s", "scan": f"{self.scan_timeout_s:g}s"},
                    "connection_limit": 100,
                },
            },
            indent=1,
        )

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """For `DlpPlan.config()`."""
        return {"binary": str(self.binary), "start_timeout_s": self.start_timeout_s, "scan_timeout_s": self.scan_timeout_s}


def pipelock_from(row: Mapping[str, Any]) -> PipelockProxyPlan:  # Any: JSON
    """A plan from `to_json`."""
    return PipelockProxyPlan(
        binary=Path(row["binary"]), start_timeout_s=row["start_timeout_s"], scan_timeout_s=row["scan_timeout_s"]
    )


def find_pipelock(host: Mapping[str, str]) -> PipelockProxyPlan:
    """The program that this host has. CannotRunHere when there is none: an engine that was asked for is not left out."""
    named = host.get(VARIABLE, "")
    found = named or shutil.which("pipelock", path=host.get("PATH"))
    if not found or not os.access(found, os.X_OK):
        raise CannotRunHere(
            "The manifest asks for the engine pipelock, and there is no such program here.",
            facts=(f"{VARIABLE} is {named}" if named else "pipelock is not on PATH",),
            next="Install a release of pipelock (docs/how-to/dlp.md), or use `engine: builtin`.",
        )
    return PipelockProxyPlan(binary=Path(found).absolute())
