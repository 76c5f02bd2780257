"""The story of a start: read the manifest, choose, plan, show the preflight, launch, prove, attach, record."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot_bottle.agents.base import AgentDefaults, AgentProvider, Installed
from bot_bottle.agents.registry import provider as find_provider
from bot_bottle.backends.base import Backend, Streams, TtySize
from bot_bottle.bottles import workspace
from bot_bottle.bottles.choose import choose
from bot_bottle.bottles.fork import Kept, fork_keeper
from bot_bottle.bottles.idle import IdleBundle, take
from bot_bottle.bottles.keeper import Keeping
from bot_bottle.bottles.names import make_slug
from bot_bottle.bottles.prepare import prepare
from bot_bottle.bottles.secrets import read_secrets, system_keyring
from bot_bottle.bottles.status import Status, claimed, read_status, remove_tree, reopened, write_status
from bot_bottle.gates.dlp.plan import plan_dlp
from bot_bottle.gates.egress.located import located
from bot_bottle.gates.egress.plan import plan_egress
from bot_bottle.gates.egress.presets import PresetResult, resolve_presets
from bot_bottle.gates.supervise.plan import plan_supervise
from bot_bottle.host import paths
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.net import lookup
from bot_bottle.host.run import run
from bot_bottle.manifest.read import Loaded, Sources, load
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import WantedImage
from bot_bottle.plans.show import to_json
from bot_bottle.record import dataclass, replace

if TYPE_CHECKING:
    from bot_bottle.gates.git_gate.plan import GitGatePlan

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the operator typed, besides what the manifest says."""

    sources: Sources
    slug: str | None = None
    dry_run: bool = False
    detach: bool = False
    again: bool = False
    """Whether the bottle of this slug ran before and goes on."""
    terminal: TtySize | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan that was only looked at: `--dry-run`."""

    plan: BottlePlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A bottle whose keeper runs: its plan, and the CLI's ends of what connects them."""

    plan: BottlePlan
    kept: Kept


def start(asked: Asked, *, host: Mapping[str, str], say: Say, preflight: Callable[[BottlePlan], None]) -> Planned | Started:
    """Run the story up to the moment when the agent starts. `preflight` shows the very plan that is launched."""
    with warm_bundle(wanted=not asked.dry_run) as bundle:
        loaded = load(asked.sources)
        for notice in loaded.notices:
            say(notice)
        chosen = choose(loaded.spec)
        backend = chosen.backend
        agent = find_provider(loaded.spec.agent)
        installed = ready_agent(agent, say=say, install=not asked.dry_run)
        image = backend.ready_image(wanted_image(loaded.spec, agent), make=not asked.dry_run, say=say)
        presets = resolve_presets(loaded.spec.egress.presets, host=host, run=run, cache=paths.cache_dir())
        spec = complete(loaded, agent.defaults(host), presets)
        workspace.check_workspace(spec.workspace.path)
        slug = asked.slug or make_slug(spec, taken=lambda name: paths.bottle_dir(name).exists())
        with opened(slug, again=asked.again) as stage_dir:
            git = plan_repositories(spec, host, slug=slug, stage_dir=stage_dir)
            plan = prepare(
                spec,
                slug=slug,
                stage_dir=stage_dir,
                backend=backend,
                provider=agent,
                installed=installed,
                egress=plan_egress(spec),
                dlp=plan_dlp(spec, host),
                supervise=plan_supervise(spec, stage_dir),
                git=git,
                files=(*presets.files, *(git.files() if git else ())),
                host=host,
                interactive=asked.terminal is not None,
                preset_env=presets.env,
                image=image,
                choice=chosen.line,
            )
            preflight(plan)
            if bundle is None:
                remove_tree(stage_dir)
                return Planned(plan=plan)
            return launch(plan, asked=asked, backend=backend, bundle=bundle, host=host)


def opened(slug: str, *, again: bool) -> AbstractContextManager[Path]:
    """The bottle's folder: a new one, or the one in which it ran before."""
    return reopened(slug) if again else claimed(slug)


def wanted_image(spec: BottleSpec, agent: AgentProvider) -> WantedImage:
    """What a backend is asked for: the operator's image or the agent's own, and what runs beside it."""
    authorities = spec.egress.upstream.ca
    return WantedImage(image=spec.image, dockerfile=agent.dockerfile(), authorities=authorities, services=spec.services)


def plan_repositories(spec: BottleSpec, host: Mapping[str, str], *, slug: str, stage_dir: Path) -> "GitGatePlan | None":
    """The git gate's plan where a repository is asked for; nothing of it is imported otherwise."""
    if spec.git is None and spec.workspace.mode != "clone":
        return None
    from bot_bottle.gates.git_gate.plan import plan_git

    if spec.workspace.mode == "clone":
        from bot_bottle.bottles import clone

        clone.check(spec.workspace.path)
    return plan_git(spec, host, slug=slug, stage_dir=stage_dir, roots=server_roots(spec, host, stage_dir))


def server_roots(spec: BottleSpec, host: Mapping[str, str], stage_dir: Path) -> Path | None:
    """The roots by which the git gate knows servers, where they are not the system's; written into the stage dir."""
    servers = spec.git is not None and any(one.url.startswith("https:") for one in spec.git.upstreams)
    if not servers or not (spec.egress.upstream.ca or host.get("SSL_CERT_FILE")):
        return None
    from bot_bottle.host.roots import find_roots, merge_roots

    return write_file(
        make_private_folder(stage_dir / "git") / "servers.pem", merge_roots("", (find_roots(host), *spec.egress.upstream.ca))
    )


@contextmanager
def warm_bundle(*, wanted: bool) -> Iterator[IdleBundle | None]:
    """A bundle that imports while we plan; ended when the start fails."""
    bundle = take() if wanted else None
    try:
        yield bundle
    except BaseException:
        if bundle is not None:
            bundle.end()
        raise


def ready_agent(agent: AgentProvider, *, say: Say, install: bool) -> Installed | None:
    """The agent's program from the cache, brought there first when it is missing."""
    installed = agent.installed(paths.cache_dir())
    if installed is None and agent.describe_pin() and install:
        say(f"installing {agent.name} {agent.describe_pin()} into {paths.cache_dir()} …")
        installed = agent.install(paths.cache_dir())
    return installed


def complete(loaded: Loaded, defaults: AgentDefaults, presets: PresetResult) -> BottleSpec:
    """The spec with what presets and the agent add; the operator's own credential of the same name or for the same host wins."""
    spec = loaded.spec
    named = {credential.name for credential in spec.credentials}
    bound = {target.host for credential in spec.credentials for target in credential.to}
    added = tuple(
        one
        for one in (*presets.credentials, *defaults.credentials)
        if one.name not in named and not any(target.host in bound for target in one.to)
    )
    rules = (*spec.egress.rules, *located(presets.rules, lookup), *defaults.rules)
    upstream = replace(spec.egress.upstream, connect=(*defaults.connect, *spec.egress.upstream.connect))
    spec = replace(spec, egress=replace(spec.egress, rules=rules, upstream=upstream), credentials=(*spec.credentials, *added))
    return in_default_mode(spec)


def in_default_mode(spec: BottleSpec) -> BottleSpec:
    """An agent in a git repository works on a clone where nobody says otherwise; a shell on a copy, which starts sooner."""
    said = dict(spec.decided_by)
    if "workspace.mode" in said or spec.agent == "shell" or not (spec.workspace.path / ".git").exists():
        return spec
    from bot_bottle.gates.git_gate.plan import can_clone

    if not can_clone(spec):
        return spec
    said["workspace.mode"] = "a git repository"
    return replace(spec, workspace=replace(spec.workspace, mode="clone"), decided_by=tuple(said.items()))


def launch(plan: BottlePlan, *, asked: Asked, backend: Backend, bundle: IdleBundle, host: Mapping[str, str]) -> Started:
    """Hand the plan to a keeper of its own, and with it the lock of its stage dir."""
    wanted = tuple(dict.fromkeys(secret for gate in plan.gate_plans for secret in gate.secrets()))
    secrets = read_secrets(wanted, host=host, run=run, keyring=system_keyring)
    status = Status(
        slug=plan.slug,
        state="starting",
        agent=plan.spec.agent,
        backend=backend.name,
        workspace=str(plan.spec.workspace.path),
        mode=plan.spec.workspace.mode,
        created=read_status(plan.slug).created if asked.again else time.time(),
    )
    write_file(plan.stage_dir / "sources.json", json.dumps(to_json(asked.sources)))
    write_status(status)

    def keeping(io: Streams | TtySize) -> Keeping:
        return Keeping(
            plan=plan,
            backend=backend,
            bundle=bundle,
            secrets=secrets,
            io=io,
            status=status,
            detach=asked.detach,
            prepare_folders=lambda: fill_folders(plan, again=asked.again),
            again=asked.again,
        )

    kept = fork_keeper(keeping, terminal=asked.terminal, stage_dir=plan.stage_dir)
    bundle.channel.close()
    return Started(plan=plan, kept=kept)


def fill_folders(plan: BottlePlan, *, again: bool) -> None:
    """The home that bottles share, where there is one; and the workspace of a bottle that begins."""
    if plan.spec.home == "kept":
        from bot_bottle.bottles.home import take_home

        take_home(plan)
    if not again:
        fill_workspace(plan)


def fill_workspace(plan: BottlePlan) -> None:
    """Copy the operator's folder into the stage dir, where the mode asks for it."""
    if plan.spec.workspace.mode == "copy":
        workspace.fill(Path(plan.spec.workspace.path), plan.workspace_dir)
    elif plan.spec.workspace.mode == "clone":
        from bot_bottle.bottles import clone

        clone.fill(plan)
