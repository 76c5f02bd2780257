"""What hosts a gate inside the bundle: the contract between `bundle.py` and each gate's `serve.py`."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

Event = dict[str, Any]  # Any: JSON
Record = Callable[[Event], None]
"""Writes one event to the bottle's log. Adds `ts` (seconds since the epoch) and `seq`. Never blocks for long."""


class Gate(ABC):
    """One running gate. It fails closed: whatever it cannot decide, it denies."""

    name: str

    @abstractmethod
    async def serve(self, listener: socket.socket) -> None:
        """Serve the bottle on this listening socket until `close`. An exception ends the bundle, and so the bottle."""

    @abstractmethod
    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """Answer the operator's control socket, e.g. {"op": "reload", "config": {...}}."""

    @abstractmethod
    async def close(self) -> None:
        """End every open connection."""


GateFactory = Callable[[Mapping[str, Any], Mapping[str, str], Record], Gate]
"""Makes a gate from `GatePlan.config()`, the values of `GatePlan.secrets()` by name, and the event log."""
