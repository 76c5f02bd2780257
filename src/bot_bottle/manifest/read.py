"""From files and options to one `BottleSpec`: defaults, then the operator's policy, then the manifest, then the command line.

Without a policy and a manifest neither the YAML parser nor pydantic is imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot_bottle.errors import BadManifest
from bot_bottle.manifest.available import AVAILABLE, Available
from bot_bottle.manifest.find import find_manifest, find_policy
from bot_bottle.manifest.layer import Layer, add, check_whole, start_from
from bot_bottle.manifest.mistakes import refuse
from bot_bottle.manifest.overrides import Overrides, override_layer
from bot_bottle.manifest.spec import BottleSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where a bottle's wishes come from.

    `cwd` is the folder the operator stands in; `manifest` is what `-f` names. Without it the workspace is searched for
    `bottle.yaml`, unless `search` is false.
    """

    cwd: Path
    manifest: Path | None = None
    overrides: Overrides = field(default_factory=Overrides)
    search: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """The spec, what the operator should be told (whole sentences, safe to show), and the manifest that was read, if any."""

    spec: BottleSpec
    notices: tuple[str, ...] = ()
    manifest: Path | None = None


def load(sources: Sources, *, available: Available = AVAILABLE) -> Loaded:
    """Everything the operator asked for, checked. BadManifest lists every mistake; Declined an untrusted manifest's wishes."""
    cwd = sources.cwd.resolve()
    typed, mistakes = override_layer(sources.overrides, cwd=cwd, available=available)
    workspace = typed.workspace or cwd
    policy = find_policy()
    path = sources.manifest or (find_manifest(workspace, home=Path.home()) if sources.search else None)
    if policy is not None or path is not None:
        raise BadManifest("Manifests and policies cannot be read yet.")
    if mistakes:
        raise refuse(mistakes, what="The command line has mistakes.")
    return Loaded(spec=_whole(start_from(workspace), (typed,)))


def _whole(spec: BottleSpec, layers: Sequence[Layer]) -> BottleSpec:
    for layer in layers:
        spec = add(spec, layer)
    mistakes = check_whole(spec, layers)
    if mistakes:
        raise refuse(mistakes, what="The manifest has mistakes.")
    return replace(spec, origin=spec.origin)
