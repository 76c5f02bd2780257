"""The DLP gate, decided: engine, what each kind of finding does, and whose secrets are searched for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_bottle.gates.dlp.policy import Settings
from bot_bottle.manifest.spec import BottleSpec, Dlp, FromFile, SecretSource
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.plans.sources import described_source

DOES = {
    "block": "stops the request",
    "ask": "stops the request until you allow it",
    "redact": "is overwritten",
    "warn": "is noted",
    "off": "is not looked for",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DlpPlan(GatePlan):
    """Everything the gate needs but the secrets' values."""

    settings: Settings
    own: tuple[Secret, ...] = ()
    patterns: tuple[Path, ...] = ()
    why: str = "default"
    gate: str = "dlp"

    def describe(self) -> tuple[Line, ...]:
        """What is searched for, and what a find does."""
        does = self.settings
        lines = [
            Line(
                label="scan",
                text=f"credentials and {len(self.own)} more secrets do not leave in any encoding; a token {DOES[does.formats]}",
                why=self.why,
            ),
            Line(
                label="scan",
                text=f"what cannot be read {DOES[does.unscannable]}; an order to the model in an answer {DOES[does.injection]}",
            ),
        ]
        lines += [Line(label="secret", text=f"{one.name}: {described_source(one.source)}") for one in self.own]
        lines += [Line(label="scan", text=f"also for the patterns in {path}") for path in self.patterns]
        if does.model_hosts:
            hosts = ", ".join(sorted(does.model_hosts))
            lines.append(Line(label="scan", text=f"to the model ({hosts}) only your own secrets are stopped; the rest is noted"))
        return tuple(lines)

    def config(self) -> dict[str, Any]:  # Any: JSON
        """For the bundle."""
        return {
            "settings": self.settings.to_json(),
            "files": [one.name for one in self.own if isinstance(one.source, FromFile)],
            "canaries": [],
            "patterns": [str(path) for path in self.patterns],
        }

    def secrets(self) -> tuple[Secret, ...]:
        """The operator's secrets that are searched for, besides the credentials."""
        return self.own


def plan_dlp(spec: BottleSpec) -> DlpPlan:
    """The gate's plan from a complete spec: the rules of the agent are its routes to the model."""
    asked = spec.dlp or Dlp()
    models = frozenset(rule.host for rule in spec.egress.rules if rule.where.startswith("agent ") and not rule.deny)
    settings = Settings(formats=asked.formats, injection=asked.injection, model_hosts=models)
    own = tuple(Secret(name=f"dlp {_name(source)}", source=source) for source in asked.secrets)
    return DlpPlan(settings=settings, own=own, why="dlp" if spec.dlp else "default")


def _name(source: SecretSource) -> str:
    return described_source(source)
