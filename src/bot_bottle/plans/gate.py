"""What every gate's plan shares. A gate plan is complete: the bundle needs it and the secret values, nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from bot_bottle.manifest.spec import SecretSource
from bot_bottle.record import dataclass

GATE_PORTS: Mapping[str, int] = {"egress": 3128, "git-gate": 3129, "supervise": 3130}
"""The ports on 127.0.0.1 inside every bottle. 3128 is the customary proxy port; the others follow it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the preflight: a short label, what will be true, and who decided it (`why`, may be empty)."""

    label: str
    text: str
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A secret by name: the bundle gets its value over a file descriptor, the plan never holds it."""

    name: str
    source: SecretSource


class GatePlan(ABC):
    """One gate, decided. Subclasses are frozen dataclasses in the gate's own plan.py."""

    gate: str

    @abstractmethod
    def describe(self) -> tuple[Line, ...]:
        """The preflight's lines about this gate, in a user's words."""

    @abstractmethod
    def config(self) -> dict[str, Any]:  # Any: JSON
        """What the bundle reads: JSON-safe, no secret values. `gates.bundle` gives it to the gate's `serve`."""

    @abstractmethod
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets whose values the gate needs at launch."""
