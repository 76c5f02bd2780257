"""The supervise gate, decided: whether there is one, and what happens when nobody watches."""

from pathlib import Path
from typing import Any

from bot_bottle.manifest.spec import BottleSpec, FromFile, Notify, Rule, Supervise
from bot_bottle.manifest.units import written_time
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.record import asdict, dataclass

TOKEN = "supervise token"  # noqa: S105  # a name
TOKEN_FILE = "supervise.token"  # noqa: S105  # a name
"""In the stage dir, 0600. The bottle has the token too; it shows that a request comes from this very bottle."""

UNSUPERVISED = frozenset({"shell", "custom"})
"""Agents that are commands: they have nobody to call a tool, so the gate is there when it is asked for."""

DOES = {"wait": "its requests wait for your answer", "deny": "its requests are denied at once, and listed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisePlan(GatePlan):
    """Everything the gate needs but the token."""

    unattended: str
    within: tuple[Rule, ...]
    within_s: float
    notify: Notify
    token_file: Path
    why: str = ""
    gate: str = "supervise"

    def describe(self) -> tuple[Line, ...]:
        """One line."""
        text = f"the agent can ask you for permissions; {DOES[self.unattended]}. You answer with `bot-bottle asks`"
        lines = [Line(label="supervise", text=text, why=self.why)]
        lines += [
            Line(
                label="supervise", text=f"gives without you, for {written_time(self.within_s)}: {rule_text(rule)}", why=rule.where
            )
            for rule in self.within
        ]
        ways = [name for name in ("desktop", "command", "webhook") if getattr(self.notify, name)]
        if ways:
            signed = "signed" if self.notify.key is not None else "not signed"
            lines.append(Line(label="supervise", text=f"you are told of requests by {', '.join(ways)}, {signed}"))
        return tuple(lines)

    def config(self) -> dict[str, Any]:  # Any: JSON
        """For the bundle."""
        return {
            "unattended": self.unattended,
            "within": [asdict(rule) for rule in self.within],
            "within_s": self.within_s,
        }

    def secrets(self) -> tuple[Secret, ...]:
        """The token that the bottle's clients send."""
        return (Secret(name=TOKEN, source=FromFile(file=self.token_file)),)


def rule_text(rule: Rule) -> str:
    """What a rule covers, in few words."""
    return f"{', '.join(rule.methods) or 'any method'} {', '.join(rule.paths) or 'on any path'} of {rule.host}"


def is_supervised(spec: BottleSpec) -> bool:
    """Whether the bottle has the gate: as the manifest says, else when its agent is one that calls tools."""
    return spec.agent not in UNSUPERVISED if spec.supervise is None or spec.supervise.enabled is None else spec.supervise.enabled


def plan_supervise(spec: BottleSpec, stage_dir: Path) -> SupervisePlan | None:
    """The gate's plan, or None for a bottle without it."""
    if not is_supervised(spec):
        return None
    asked = spec.supervise or Supervise()
    return SupervisePlan(
        unattended=asked.unattended,
        within=asked.within,
        within_s=asked.within_s,
        notify=asked.notify,
        token_file=stage_dir / TOKEN_FILE,
        why="supervise" if spec.supervise is not None else "default for agents",
    )
