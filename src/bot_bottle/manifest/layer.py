"""What one source says (the operator's policy, a manifest, the command line), and how sources add up. Pure; nothing heavy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot_bottle.manifest.mistakes import Mistake, Place
from bot_bottle.manifest.spec import (
    AgentName,
    BackendName,
    BottleSpec,
    Budget,
    BuildNetwork,
    Credential,
    Dlp,
    DlpAction,
    DlpEngine,
    Egress,
    Git,
    GitUpstream,
    HomeKind,
    Image,
    ImageRuntime,
    ImageSource,
    Limits,
    Mount,
    Notify,
    OnFind,
    OnFormat,
    OnInjection,
    Rule,
    SecretSource,
    Service,
    Supervise,
    Unattended,
    Upstream,
    Workspace,
    WorkspaceMode,
)
from bot_bottle.record import dataclass, field, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class DlpSaid:
    """What a source says about the search for secrets; `None` is "not said"."""

    engine: DlpEngine | None = None
    secrets: tuple[SecretSource, ...] = ()
    canaries: tuple[SecretSource, ...] = ()
    patterns: tuple[Path, ...] = ()
    formats: OnFormat | None = None
    injection: OnInjection | None = None
    unscannable: OnFind | None = None
    actions: tuple[DlpAction, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSaid:
    """What a source says about the image; `None` is "not said"."""

    source: ImageSource | None = None
    packages: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    build_network: BuildNetwork | None = None
    runtime: ImageRuntime | None = None
    read_only: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SuperviseSaid:
    """What a source says about the agent's asking; `None` is "not said"."""

    enabled: bool | None = None
    unattended: Unattended | None = None
    within: tuple[Rule, ...] = ()
    within_s: float | None = None
    notify: Notify | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GitSaid:
    """What a source says about the git gate; `None` is "not said"."""

    upstreams: tuple[GitUpstream, ...] = ()
    protected_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """What one source says; `None` and empty are "not said". `limits` pairs a field of `Limits` with its value;
    `rule_paths` has the key path of each of `rules`.

    `reads` pairs each file whose content counts as if it stood in the source with that content's SHA-256. `places` pairs a
    key path ("limits.memory", "credentials[0]") with where it is written.
    """

    label: str
    agent: AgentName | None = None
    backend: BackendName | None = None
    workspace: Path | None = None
    mode: WorkspaceMode | None = None
    home: HomeKind | None = None
    prompt: str | None = None
    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    rules: tuple[Rule, ...] = ()
    rule_paths: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    upstream: Upstream = field(default_factory=Upstream)
    credentials: tuple[Credential, ...] = ()
    limits: tuple[tuple[str, float | int | None], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    budget: Budget | None = None
    dlp: DlpSaid | None = None
    image: ImageSaid | None = None
    services: tuple[Service, ...] = ()
    supervise: SuperviseSaid | None = None
    git: GitSaid | None = None
    reads: tuple[tuple[Path, str], ...] = ()
    places: tuple[tuple[str, Place], ...] = ()

    def place(self, path: str) -> Place:
        """Where the key is written, or the source as a whole."""
        return dict(self.places).get(path, Place(name=self.label))

    def has(self, path: str) -> bool:
        """Whether the key is written in this source."""
        return path in dict(self.places)


def start_from(workspace: Path) -> BottleSpec:
    """What holds when nobody says anything: Claude Code on a copy of this folder, on whichever backend works."""
    return BottleSpec(agent="claude", backend="auto", workspace=Workspace(path=workspace))


def add(spec: BottleSpec, layer: Layer) -> BottleSpec:
    """`spec` with what `layer` says on top: single values replace, rules add up, named things replace their namesake."""
    own_line = _command_line(spec, layer)
    return replace(
        spec,
        agent=layer.agent or spec.agent,
        backend=layer.backend or spec.backend,
        workspace=Workspace(path=layer.workspace or spec.workspace.path, mode=layer.mode or spec.workspace.mode),
        home=layer.home or spec.home,
        prompt=spec.prompt if layer.prompt is None else layer.prompt,
        args=own_line[0],
        command=own_line[1],
        egress=Egress(
            rules=spec.egress.rules + layer.rules,
            presets=tuple(dict.fromkeys(spec.egress.presets + layer.presets)),
            upstream=add_upstream(spec.egress.upstream, layer.upstream),
        ),
        credentials=_by_name(spec.credentials, layer.credentials),
        limits=replace(spec.limits, **_changes(layer)),
        env=tuple(sorted((dict(spec.env) | dict(layer.env)).items())),
        mounts=tuple({mount.guest_path: mount for mount in spec.mounts + layer.mounts}.values()),
        budget=_add_budget(spec.budget, layer.budget),
        dlp=_add_dlp(spec.dlp, layer.dlp),
        image=_add_image(spec.image, layer.image),
        services=tuple({service.name: service for service in spec.services + layer.services}.values()),
        supervise=_add_supervise(spec.supervise, layer.supervise),
        git=_add_git(spec.git, layer.git),
        origin=(*spec.origin, layer.label),
        decided_by=tuple((dict(spec.decided_by) | _decided(layer)).items()),
    )


def add_typed(spec: BottleSpec, typed: Layer) -> BottleSpec:
    """The command line on top: what follows `--` comes after the manifest's arguments; for `shell` it is the command instead."""
    below = add(spec, replace(typed, args=None))
    args = () if below.agent == "shell" else below.args
    return add(spec, replace(typed, args=args + typed.args)) if typed.args else below


def add_upstream(below: Upstream, above: Upstream) -> Upstream:
    """Roots and exceptions add up; the proxy above replaces; a connect entry replaces the one for the same host and port."""
    connect = {(entry.host, entry.port): entry for entry in below.connect + above.connect}
    return Upstream(
        ca=tuple(dict.fromkeys(below.ca + above.ca)),
        proxy=above.proxy or below.proxy,
        proxy_login=above.proxy_login if above.proxy else below.proxy_login,
        no_proxy=tuple(dict.fromkeys(below.no_proxy + above.no_proxy)),
        connect=tuple(connect.values()),
    )


def check_whole(spec: BottleSpec, layers: Sequence[Layer]) -> list[Mistake]:
    """What only shows when everything is added up."""
    found = _lost_credentials(spec, layers)
    if found:
        return found
    if spec.agent == "custom" and not spec.command and not spec.args:
        place = next((layer.place("agent") for layer in reversed(layers) if layer.agent), Place(name="the command line"))
        return [
            Mistake(
                place=place,
                path="command",
                what="the agent custom needs the command that starts it",
                allowed="command: [PROGRAM, ARGUMENT, …]",
            )
        ]
    return []


def _lost_credentials(spec: BottleSpec, layers: Sequence[Layer]) -> list[Mistake]:
    """Upstreams that name a credential which nobody wrote."""
    named = {credential.name for credential in spec.credentials}
    allowed = ", ".join(sorted(named)) or "an entry in credentials with that name"
    return [
        Mistake(
            place=layer.place(f"git.upstreams[{index}].credential"),
            path=f"git.upstreams[{index}].credential",
            what=f"no credential is named {one.credential}",
            allowed=allowed,
        )
        for layer in layers
        for index, one in enumerate(layer.git.upstreams if layer.git else ())
        if one.credential and one.credential not in named
    ]


def _command_line(spec: BottleSpec, layer: Layer) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`args` and `command` belong to one agent: those of another agent do not reach the one chosen above them."""
    other_agent = layer.agent is not None and layer.agent != spec.agent
    args = () if other_agent else spec.args
    command = () if other_agent else spec.command
    return (args if layer.args is None else layer.args), (command if layer.command is None else layer.command)


def _changes(layer: Layer) -> dict[str, Any]:  # Any: fields of Limits differ in type
    return {name: value for name, value in layer.limits if name in Limits.__dataclass_fields__}


def _by_name(below: tuple[Credential, ...], above: tuple[Credential, ...]) -> tuple[Credential, ...]:
    return tuple({credential.name: credential for credential in below + above}.values())


def _add_budget(below: Budget | None, above: Budget | None) -> Budget | None:
    if below is None or above is None:
        return above or below
    return Budget(
        usd=below.usd if above.usd is None else above.usd,
        tokens=below.tokens if above.tokens is None else above.tokens,
    )


def _add_dlp(below: Dlp | None, above: DlpSaid | None) -> Dlp | None:
    if above is None:
        return below
    under = below or Dlp()
    return Dlp(
        engine=above.engine or under.engine,
        secrets=tuple(dict.fromkeys(under.secrets + above.secrets)),
        canaries=tuple(dict.fromkeys(under.canaries + above.canaries)),
        patterns=tuple(dict.fromkeys(under.patterns + above.patterns)),
        formats=above.formats or under.formats,
        injection=above.injection or under.injection,
        unscannable=above.unscannable or under.unscannable,
        actions=under.actions + above.actions,
    )


def _add_image(below: Image | None, above: ImageSaid | None) -> Image | None:
    """Packages and build arguments add up; the rest above replaces."""
    if above is None:
        return below
    under = below or Image()
    return Image(
        source=above.source or under.source,
        packages=tuple(dict.fromkeys(under.packages + above.packages)),
        build_args=tuple(sorted((dict(under.build_args) | dict(above.build_args)).items())),
        build_network=above.build_network or under.build_network,
        runtime=above.runtime or under.runtime,
        read_only=under.read_only if above.read_only is None else above.read_only,
    )


def _add_supervise(below: Supervise | None, above: SuperviseSaid | None) -> Supervise | None:
    if above is None:
        return below
    under = below or Supervise()
    enabled = under.enabled if above.enabled is None else above.enabled
    return Supervise(
        enabled=enabled,
        unattended=above.unattended or under.unattended,
        within=under.within + above.within,
        within_s=above.within_s or under.within_s,
        notify=above.notify or under.notify,
    )


def _add_git(below: Git | None, above: GitSaid | None) -> Git | None:
    """Upstreams add up; one for the same place replaces the one below."""
    if above is None:
        return below
    under = below or Git()
    places = {(one.path, one.url): one for one in under.upstreams + above.upstreams}
    paths = under.protected_paths if above.protected_paths is None else above.protected_paths
    return Git(upstreams=tuple(places.values()), protected_paths=paths)


def _decided(layer: Layer) -> dict[str, str]:
    single = {
        "agent": layer.agent,
        "backend": layer.backend,
        "workspace.path": layer.workspace,
        "workspace.mode": layer.mode,
        "home": layer.home,
        "prompt": layer.prompt,
        "args": layer.args,
        "command": layer.command,
        "egress.upstream.proxy": layer.upstream.proxy,
        "image": layer.image,
    }
    said = [path for path, value in single.items() if value is not None]
    said += [f"limits.{'time' if name == 'time_s' else name}" for name, _ in layer.limits]
    said += [f"services.{service.name}" for service in layer.services]
    said += [f"env.{name}" for name, _ in layer.env]
    return {path: layer.place(path).short for path in said}
