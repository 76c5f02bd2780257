"""The DLP gate, decided: engine, what each kind of finding does, and whose secrets are searched for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.gates.dlp.pipelock.plan import PipelockProxyPlan, find_pipelock
from bot_bottle.gates.dlp.policy import Override, Settings
from bot_bottle.manifest.spec import BottleSpec, Dlp, FromFile, SecretSource
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.plans.sources import described_source
from bot_bottle.record import dataclass

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
    canaries: tuple[Secret, ...] = ()
    patterns: tuple[Path, ...] = ()
    pipelock: PipelockProxyPlan | None = None
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
        lines += [Line(label="canary", text=f"{one.name}: {described_source(one.source)}") for one in self.canaries]
        lines += [Line(label="except", text=f"{one.rule} on {one.host} {DOES[one.action]}") for one in does.overrides]
        lines += [Line(label="scan", text=f"also for the patterns in {path}") for path in self.patterns]
        if self.pipelock is not None:
            lines.append(Line(label="scan", text=f"by {self.pipelock.binary} as well; when it does not answer, nothing leaves"))
        if does.model_hosts:
            hosts = ", ".join(sorted(does.model_hosts))
            lines.append(Line(label="scan", text=f"to the model ({hosts}) only your own secrets are stopped; the rest is noted"))
        return tuple(lines)

    def config(self) -> dict[str, Any]:  # Any: JSON
        """For the bundle."""
        return {
            "settings": self.settings.to_json(),
            "files": [one.name for one in self.own if isinstance(one.source, FromFile) and not one.source.key],
            "canaries": [one.name for one in self.canaries],
            "patterns": [str(path) for path in self.patterns],
            "pipelock": self.pipelock.to_json() if self.pipelock is not None else None,
            "must_load": bool(self.patterns) or self.pipelock is not None,  # what may be wrong is found before the start
        }

    def secrets(self) -> tuple[Secret, ...]:
        """The operator's secrets that are searched for, besides the credentials."""
        return self.own + self.canaries


def plan_dlp(spec: BottleSpec, host: Mapping[str, str]) -> DlpPlan:
    """The gate's plan from a complete spec: the rules of the agent are its routes to the model.

    `host` is the operator's environment, in which pipelock is looked for when it is asked for. CannotRunHere without it.
    """
    asked = spec.dlp or Dlp()
    models = frozenset(rule.host for rule in spec.egress.rules if rule.where.startswith("agent ") and not rule.deny)
    settings = Settings(
        formats=asked.formats,
        injection="redact" if asked.injection == "strip" else asked.injection,
        unscannable="ask" if asked.unscannable == "block" else asked.unscannable,
        overrides=tuple(Override(rule=one.rule, host=one.host, action=one.action) for one in asked.actions),
        model_hosts=models,
    )
    return DlpPlan(
        settings=settings,
        own=_named("secret", asked.secrets),
        canaries=_named("canary", asked.canaries),
        patterns=asked.patterns,
        pipelock=find_pipelock(host) if asked.engine == "pipelock" else None,
        why="dlp" if spec.dlp else "default",
    )


def _named(kind: str, sources: tuple[SecretSource, ...]) -> tuple[Secret, ...]:
    """Names that tell the operator which is which; numbered, because two commands may look alike."""
    return tuple(
        Secret(name=f"{kind} {number}, {described_source(source)}", source=source) for number, source in enumerate(sources, 1)
    )
