"""An inspector that is made when it is first needed, or a moment after the start: its detectors take 0.1 s to load.

It fails closed: while it is not made nothing is let out, and if it cannot be made the bundle ends, and the bottle with it.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot_bottle.gates.base import Adjustable, BlobScan, Event, Gate, Granted, Inspection, Inspector, Outbound, Standing

PRELOAD_AFTER_S = 0.25
"""After the start: a command that is done by then never pays for it, an agent that starts up does not notice it."""


class Later(Inspector, Adjustable):
    """Stands for an inspector that `make` makes, and that carries out grants of these kinds."""

    def __init__(self, name: str, make: Callable[[], Gate], *, adjusts: frozenset[str] = frozenset()) -> None:
        self.adjusts = adjusts
        self.name = name
        self._make = make
        self._made: Inspector | None = None

    def preload(self) -> None:
        """Make it soon, from the running event loop."""
        asyncio.get_running_loop().call_later(PRELOAD_AFTER_S, self.made)

    def made(self) -> Inspector:
        """The inspector itself."""
        if self._made is None:
            gate = self._make()
            assert isinstance(gate, Inspector)
            self._made = gate
        return self._made

    def inspect(self, request: Outbound) -> Inspection:
        """As the inspector does."""
        return self.made().inspect(request)

    def object_scan(self) -> BlobScan:
        """As the inspector does."""
        return self.made().object_scan()

    def adjust(self, granted: Sequence[Granted]) -> None:
        """As the inspector does."""
        made = self.made()
        assert isinstance(made, Adjustable)
        made.adjust(granted)

    def standing(self) -> Standing:
        """What it may let pass is no business of the bottle."""
        return Standing()

    def denials(self) -> list[Event]:
        """Its refusals are told by the gate that asks it."""
        return []

    async def serve(self, listener: socket.socket) -> None:
        """An inspector has no socket of its own."""
        await self.made().serve(listener)

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """As the inspector does."""
        return await self.made().control(request)

    async def close(self) -> None:
        """Close it if it was made."""
        if self._made is not None:
            await self._made.close()
