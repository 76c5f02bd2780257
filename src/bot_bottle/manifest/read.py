"""From files and options to one `BottleSpec`: defaults, then the operator's policy, then the manifest, then the command line.

Without a policy and a manifest neither the YAML parser nor pydantic is imported.
"""

from collections.abc import Sequence
from pathlib import Path

from bot_bottle.errors import BadManifest, Declined
from bot_bottle.host.plain import plain
from bot_bottle.manifest.available import AVAILABLE, Available
from bot_bottle.manifest.find import MANIFEST_NAME, Source, find_manifest, find_policy, read_found, read_named
from bot_bottle.manifest.host_paths import refuse_own_folders
from bot_bottle.manifest.layer import Layer, add, add_typed, check_whole, start_from
from bot_bottle.manifest.mistakes import Mistake, Place, Wrong, mistake, refuse
from bot_bottle.manifest.overrides import Overrides, override_layer
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.record import dataclass, field, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where a bottle's wishes come from.

    `cwd` is the folder the operator stands in; `manifest` is what `-f` names, relative to it. `text` is a manifest that lies in
    no file; its relative paths start at `cwd`. Without either the workspace is searched for `bottle.yaml`, unless `search` is
    false.
    """

    cwd: Path
    manifest: Path | None = None
    overrides: Overrides = field(default_factory=Overrides)
    search: bool = True
    text: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether the operator gave the manifest, which is an act of trust; one that was found is judged."""
        return self.manifest is not None or self.text is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """The spec, what the operator should be told (whole sentences, safe to show), and the manifest that was read, if any."""

    spec: BottleSpec
    notices: tuple[str, ...] = ()
    manifest: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One manifest read and checked, not judged: what trusting it would mean."""

    source: Source
    said: Layer
    policy: BottleSpec


def load(sources: Sources, *, available: Available = AVAILABLE) -> Loaded:
    """Everything the operator asked for, checked. BadManifest lists every mistake; Declined an untrusted manifest's wishes."""
    cwd = sources.cwd.resolve()
    typed, mistakes = override_layer(sources.overrides, cwd=cwd, available=available)
    start = start_from(typed.workspace or cwd)
    source = _source(sources, start.workspace.path)
    policy_file = find_policy()
    if policy_file is None and source is None:
        return Loaded(spec=_whole(start, (), typed, mistakes))
    policy_said, more = _read_policy(policy_file, available)
    mistakes += more
    said, more = _read_manifest(source, available)
    mistakes += more
    if mistakes:
        raise refuse(mistakes, what=_has_mistakes([policy_file, source]))
    policy = add(start, policy_said) if policy_said else start
    notices: tuple[str, ...] = ()
    if source is not None and said is not None and not sources.is_named:
        notices = _judge(Checked(source=source, said=said, policy=policy), typed)
    layers = [layer for layer in (policy_said, said) if layer is not None]
    read = (policy_file, source if sources.text is None else None)
    files = [one.path.resolve() for one in read if one is not None]
    files += [path for layer in layers for path, _ in layer.reads]
    spec = replace(_whole(start, layers, typed, []), read_from=tuple(dict.fromkeys(files)))
    return Loaded(spec=spec, notices=notices, manifest=source.path if source and sources.text is None else None)


def check(path: Path, *, available: Available = AVAILABLE) -> Checked:
    """One manifest that lies in a repository, against the operator's policy. BadManifest lists every mistake in both."""
    source = read_found(path)
    policy_file = find_policy()
    policy_said, mistakes = _read_policy(policy_file, available)
    said, more = _read_manifest(source, available)
    if mistakes or more or said is None:
        raise refuse(mistakes + more, what=_has_mistakes([policy_file, source]))
    start = start_from(path.parent)
    return Checked(source=source, said=said, policy=add(start, policy_said) if policy_said else start)


def _source(sources: Sources, workspace: Path) -> Source | None:
    if sources.text is not None:
        return Source(path=sources.cwd.resolve() / MANIFEST_NAME, label="the manifest", content=sources.text.encode())
    if sources.manifest is not None:
        return read_named(sources.cwd.resolve() / sources.manifest.expanduser())
    found = find_manifest(workspace, home=Path.home().resolve()) if sources.search else None
    return read_found(found) if found else None


def _read_policy(source: Source | None, available: Available) -> tuple[Layer | None, list[Mistake]]:
    if source is None:
        return None, []
    from bot_bottle.manifest.model import Policy
    from bot_bottle.manifest.parse import parse

    return parse(source.content, label=source.label, base=source.path.parent.resolve(), model=Policy, available=available)


def _read_manifest(source: Source | None, available: Available) -> tuple[Layer | None, list[Mistake]]:
    if source is None:
        return None, []
    from bot_bottle.manifest.model import Manifest
    from bot_bottle.manifest.parse import parse

    return parse(source.content, label=source.label, base=source.path.parent.resolve(), model=Manifest, available=available)


def _judge(checked: Checked, typed: Layer) -> tuple[str, ...]:
    """What the operator should know about a manifest found in a repository; Declined when it loosens and is not trusted."""
    import shlex

    from bot_bottle.manifest.tighten import loosenings, without_overridden
    from bot_bottle.manifest.trust import trusted

    source, label = checked.source, checked.source.label
    known = trusted(source.path)
    remarks = tuple(f"{label}: {remark}." for remark in source.remarks)
    if known is not None and known.same(source.content, checked.said.reads):
        return remarks
    wishes = loosenings(checked.policy, without_overridden(checked.said, typed, policy=checked.policy))
    if not wishes:
        return (*remarks, f"{label} is not trusted; it is used because it only tightens your policy.")
    path = shlex.quote(plain(str(source.path)))
    what = f"{label} asks for more than your policy gives, and you have not trusted it."
    if known is not None:
        what = f"{label} has changed since you trusted it on {known.day}."
    raise Declined(
        what,
        facts=(*(str(wish) for wish in wishes), *remarks),
        next=f"Read it and decide: bot-bottle trust {path}   (or leave it out: run --no-manifest)",
    )


def _whole(start: BottleSpec, layers: Sequence[Layer], typed: Layer, mistakes: list[Mistake]) -> BottleSpec:
    spec = start
    for layer in layers:
        spec = add(spec, layer)
    spec = add_typed(spec, typed)
    mistakes = [*mistakes, *check_whole(spec, (*layers, typed))]
    if spec.workspace.path == start.workspace.path:
        mistakes += _check_start(spec.workspace.path)
    if mistakes:
        raise refuse(mistakes, what="This bottle cannot be made as asked.")
    return replace(spec, origin=tuple(layer.label for layer in layers))


def _check_start(workspace: Path) -> list[Mistake]:
    """The folder that nobody named is looked at like one that somebody did."""
    try:
        refuse_own_folders(workspace)
    except Wrong as wrong:
        return [mistake(Place(name="the current folder"), "", wrong)]
    return []


def _has_mistakes(sources: Sequence[Source | None]) -> str:
    names = [source.label for source in sources if source is not None]
    named = " or ".join(names) or "the command line"
    return f"{named.replace('the ', 'The ', 1) if named.startswith('the ') else named} has mistakes."


__all__ = ["BadManifest", "Checked", "Loaded", "Overrides", "Sources", "check", "load"]
