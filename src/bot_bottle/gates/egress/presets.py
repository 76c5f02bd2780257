"""Named sets of rules whose hosts come from the tools' own settings on this host."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot_bottle.host.run import Run
from bot_bottle.manifest.spec import Credential, Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetResult:
    """What the presets add: rules, credentials for private registries, and settings for the tools inside."""

    rules: tuple[Rule, ...] = ()
    credentials: tuple[Credential, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def resolve_presets(names: tuple[str, ...], *, host: Mapping[str, str], run: Run, cache: Path) -> PresetResult:
    """Resolve each named preset."""
    del host, run, cache
    assert not names
    return PresetResult()
