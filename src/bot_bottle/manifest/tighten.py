"""What a manifest asks for beyond the operator's policy. Pure; the manifest is hostile until the operator trusts it.

Only these tighten: a deny, an allow that an operator's own rule covers, a preset the operator has, a lower limit or budget, a
narrower workspace, a less exposed mode, a stronger backend, a sharper search for secrets, the repository that the operator
stands in as an upstream. Everything else is a loosening, also what runs inside only:
arguments, environment and prompt speak to the agent in the operator's name.
"""

import shlex
from collections.abc import Iterator
from ipaddress import ip_network

from bot_bottle.host.plain import plain
from bot_bottle.manifest.globs import compile_glob
from bot_bottle.manifest.layer import DlpSaid, GitSaid, ImageSaid, Layer
from bot_bottle.manifest.mistakes import Place
from bot_bottle.manifest.spec import (
    BottleSpec,
    Budget,
    Credential,
    Dlp,
    FromAgent,
    FromArchive,
    FromCommand,
    FromDockerfile,
    FromEnv,
    FromFile,
    FromReference,
    Git,
    GitUpstream,
    Image,
    ImageSource,
    Limits,
    Rule,
    SecretSource,
    Supervise,
    Upstream,
)
from bot_bottle.manifest.units import written_size, written_time
from bot_bottle.record import dataclass, replace

STRONGER: dict[str, tuple[str, ...]] = {
    "namespaces": ("gvisor", "smolmachines"),
    "docker": ("gvisor", "smolmachines"),
    "gvisor": ("smolmachines",),
    "auto": ("smolmachines",),
}
"""Backends that put more between the bottle and the host's kernel than the key does. Docker and namespaces do not compare."""

EXPOSURE = ("copy", "clone", "bind")
"""Workspace modes, from the one that touches nothing of the operator's to the one that does."""

OWN_KERNEL = {"runc": 0, "runsc": 1, "kata": 2}
"""Docker's runtimes, by how much stands between the bottle and the host's kernel."""

STRICTNESS = ("off", "warn", "redact", "strip", "block")


@dataclass(frozen=True, kw_only=True, slots=True)
class Loosening:
    """One thing that the operator's policy does not give: where it is written, its key path, and what it would do."""

    place: Place
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.place} {plain(self.path, limit=120)}: {self.what}"


def loosenings(policy: BottleSpec, said: Layer) -> tuple[Loosening, ...]:
    """Everything in `said` that goes beyond `policy` (defaults and the operator's own), in the order of the file."""
    found = [
        *_choices(policy, said),
        *_texts(policy, said),
        *_egress(policy, said),
        *_credentials(policy, said),
        *_limits(policy.limits, said),
        *_budget(policy.budget, said),
        *_dlp(policy.dlp or Dlp(), said),
        *_supervise(policy, said),
        *_git(policy, said),
        *_inside(policy, said),
        *_image(policy.image, said.image),
        *_services(policy, said),
    ]
    rows = [Loosening(place=said.place(path), path=path, what=what) for path, what in found]
    return tuple(sorted(rows, key=lambda row: (row.place.line, row.place.column)))


def without_overridden(said: Layer, typed: Layer, *, policy: BottleSpec) -> Layer:
    """`said` without what the command line replaces anyway: a wish without effect is no loosening."""
    other_agent = typed.agent is not None and typed.agent != (said.agent or policy.agent)
    return replace(
        said,
        agent=None if typed.agent else said.agent,
        backend=None if typed.backend else said.backend,
        workspace=None if typed.workspace else said.workspace,
        mode=None if typed.mode else said.mode,
        prompt=None if typed.prompt is not None else said.prompt,
        args=None if other_agent else said.args,
        command=None if other_agent else said.command,
        image=replace(said.image, source=None) if said.image and typed.image else said.image,
    )


def covers(wide: Rule, rule: Rule) -> bool:
    """Whether one allow lets out everything that another does. Fields that this function does not know must be equal."""
    alike = replace(
        rule,
        host=wide.host,
        where=wide.where,
        ports=wide.ports,
        methods=wide.methods,
        paths=wide.paths,
        addresses=wide.addresses,
        websocket=wide.websocket,
        query=wide.query,
        max_body=wide.max_body,
        graphql=rule.graphql if wide.graphql else (),
        mcp=rule.mcp if wide.mcp else (),
        git=wide.git,
    )
    return (
        alike == wide
        and host_covers(wide.host, rule.host)
        and _part(rule.ports, wide.ports)
        and _part(rule.methods, wide.methods)
        and (not wide.paths or (bool(rule.paths) and all(path_covered(path, wide.paths) for path in rule.paths)))
        and _part(rule.query, wide.query)
        and (wide.max_body is None or (rule.max_body is not None and rule.max_body <= wide.max_body))
        and all(any(_block_covers(block, inner) for block in wide.addresses) for inner in rule.addresses)
        and (wide.websocket or not rule.websocket)
        and (wide.git or not rule.git)
    )


def path_covered(path: str, wide: tuple[str, ...]) -> bool:
    """Whether every path that one glob matches is surely matched by one of these: the same glob, a place below `…/**`, or a
    single path that fits. Other cases are not looked into and count as no.
    """
    if path in wide or "/**" in wide:
        return True
    below = [glob.removesuffix("**") for glob in wide if glob.endswith("/**") and "*" not in glob.removesuffix("**")]
    if any(path.startswith(place) and path != place for place in below):
        return True
    return not {"*", "%"} & set(path) and any(compile_glob(glob).fullmatch(path) for glob in wide)


def host_covers(wide: str, host: str) -> bool:
    """Whether every name that `host` matches is matched by `wide`."""
    if wide == host:
        return True
    if wide.startswith("**."):
        return host.removeprefix("**.").removeprefix("*.").endswith(wide[2:]) or host == f"*{wide[2:]}"
    if wide.startswith("*."):
        return "*" not in host and host.partition(".")[2] == wide[2:]
    return False


Found = Iterator[tuple[str, str]]


def _choices(policy: BottleSpec, said: Layer) -> Found:
    if said.agent and said.agent != policy.agent:
        reach = "" if said.agent in {"shell", "custom"} else ", with that agent's hosts and key"
        yield "agent", f"starts {said.agent} instead of {policy.agent}{reach}"
    if said.backend and said.backend != policy.backend and said.backend not in STRONGER.get(policy.backend, ()):
        yield "backend", f"runs on {said.backend} instead of {policy.backend}"
    mode = policy.workspace.mode
    if said.mode and EXPOSURE.index(said.mode) > EXPOSURE.index(mode):
        reason = (
            "the bottle writes into the folder itself"
            if said.mode == "bind"
            else "the bottle's branches arrive in the repository"
        )
        yield "workspace.mode", f"{said.mode} instead of {mode}: {reason}"
    if said.home == "kept" and policy.home != "kept":
        yield "home", "uses the home that bottles of this agent share, and may leave there what the next one reads"
    if said.workspace and not said.workspace.is_relative_to(policy.workspace.path):
        yield (
            "workspace.path",
            f"gives the bottle {plain(str(said.workspace), limit=200)}, which lies outside {policy.workspace.path}",
        )


def _texts(policy: BottleSpec, said: Layer) -> Found:
    if said.prompt is not None and said.prompt != policy.prompt:
        key = "prompt_file" if said.has("prompt_file") else "prompt"
        instead = " instead of yours" if policy.prompt else ""
        yield key, f"gives the agent a standing instruction in your name{instead} ({len(said.prompt)} characters)"
    if said.args:
        yield "args", f"adds to the agent's command line: {plain(shlex.join(said.args), limit=200)}"
    if said.command:
        yield "command", f"starts {plain(shlex.join(said.command), limit=200)} as the agent"


def _egress(policy: BottleSpec, said: Layer) -> Found:
    allowed = [rule for rule in policy.egress.rules if not rule.deny]
    for path, rule in zip(said.rule_paths, said.rules, strict=True):
        if not rule.deny and not any(covers(wide, rule) for wide in allowed):
            yield path, f"lets out {described(rule)}"
    for index, preset in enumerate(said.presets):
        if preset not in policy.egress.presets:
            yield f"egress.presets[{index}]", f"lets out what the preset {preset} needs"
    yield from _upstream(policy.egress.upstream, said.upstream)


def _upstream(policy: Upstream, said: Upstream) -> Found:
    for index, path in enumerate(said.ca):
        if path not in policy.ca:
            yield (
                f"egress.upstream.ca[{index}]",
                f"makes the gate trust the certificates of {plain(str(path), limit=200)} for every host",
            )
    if said.proxy and said.proxy != policy.proxy:
        yield "egress.upstream.proxy", f"sends everything, with your credentials, by way of {said.proxy}"
    if said.proxy_login is not None and (said.proxy, said.proxy_login) != (policy.proxy, policy.proxy_login):
        yield "egress.upstream.proxy_login", f"{_taken(said.proxy_login)} and sends it to {said.proxy}"
    for index, host in enumerate(said.no_proxy):
        if host not in policy.no_proxy:
            yield f"egress.upstream.no_proxy[{index}]", f"reaches {host} without your proxy"
    for entry in said.connect:
        if entry not in policy.connect:
            what = f"sends what is meant for {entry.host}:{entry.port} to {entry.address}:{entry.to_port}"
            yield "egress.upstream.connect", what


def _credentials(policy: BottleSpec, said: Layer) -> Found:
    known = [replace(credential, where="") for credential in policy.credentials]
    for index, credential in enumerate(said.credentials):
        if replace(credential, where="") not in known:
            yield f"credentials[{index}]", f"{_taken(credential.source)} and sends it to {_sent_to(credential)}"


def _limits(policy: Limits, said: Layer) -> Found:
    for field, value in said.limits:
        key = "time" if field == "time_s" else field
        bound: float | int | None = getattr(policy, field)
        if bound is not None and (value is None or value > bound):
            yield f"limits.{key}", f"{_amount(field, value)} instead of {_amount(field, bound)}"


def _budget(policy: Budget | None, said: Layer) -> Found:
    if policy is None or said.budget is None:
        return
    for key in ("usd", "tokens"):
        bound, value = getattr(policy, key), getattr(said.budget, key)
        if bound is not None and value is not None and value > bound:
            yield f"budget.{key}", f"{value:g} instead of {bound:g}"


def _dlp(policy: Dlp, said: Layer) -> Found:
    wanted = said.dlp or DlpSaid()
    if wanted.engine and wanted.engine != policy.engine:
        yield "dlp.engine", f"searches with {wanted.engine} instead of {policy.engine}"
    for key in ("formats", "injection", "unscannable"):
        now, value = getattr(policy, key), getattr(wanted, key)
        if value and STRICTNESS.index(value) < STRICTNESS.index(now):
            yield f"dlp.{key}", f"{value} instead of {now}"
    for index, exception in enumerate(wanted.actions):
        if exception.action != "block" and exception not in policy.actions:
            yield f"dlp.actions[{index}]", f"{exception.action} for rule {exception.rule} on {exception.host}"
    for index, path in enumerate(wanted.patterns):
        if path not in policy.patterns:
            yield f"dlp.patterns[{index}]", f"reads {path}"
    for index, source in enumerate(wanted.canaries):
        if source not in policy.canaries:
            yield f"dlp.canaries[{index}]", f"{_taken(source)}, and tells the bottle when it guesses it"
    for index, source in enumerate(wanted.secrets):
        if source not in policy.secrets:
            yield f"dlp.secrets[{index}]", f"{_taken(source)}, and tells the bottle when it guesses it"


def _supervise(policy: BottleSpec, said: Layer) -> Found:
    """Whoever may be asked more can be talked into more."""
    ours, theirs = policy.supervise or Supervise(), said.supervise
    if theirs is None:
        return
    if theirs.enabled and ours.enabled is False:
        yield "supervise.enabled", "lets the agent ask you for permissions"
    if theirs.unattended == "wait" and ours.unattended == "deny":
        yield "supervise.unattended", "has requests wait for you instead of denying them"
    for index, rule in enumerate(theirs.within):
        if not any(covers(wide, rule) for wide in ours.within):
            yield f"supervise.within[{index}]", f"gives {described(rule)} without asking you"
    if theirs.within_s is not None and theirs.within_s > ours.within_s:
        yield "supervise.within_for", f"gives it for {written_time(theirs.within_s)}"
    if theirs.notify is not None and theirs.notify != ours.notify:
        runs = f", running {plain(shlex.join(theirs.notify.command), limit=200)} on the host" if theirs.notify.command else ""
        yield "supervise.notify", f"tells somebody of the agent's requests in your name{runs}"


def _git(policy: BottleSpec, said: Layer) -> Found:
    """The repository that the operator stands in is no loosening: its branches arrive under the bottle's own name."""
    held, wanted = policy.git or Git(), said.git or GitSaid()
    known = [replace(one, where="") for one in held.upstreams]
    for index, one in enumerate(wanted.upstreams):
        own = one.path is not None and one.path == policy.workspace.path
        if not any(_git_covers(wide, replace(one, where="")) for wide in known) and not own:
            yield f"git.upstreams[{index}]", _git_described(one)
    if wanted.protected_paths is not None:
        for path in held.protected_paths:
            if path not in wanted.protected_paths:
                yield "git.protected_paths", f"leaves out {plain(path, limit=100)}, so that a push may change such files"


def _git_covers(wide: GitUpstream, one: GitUpstream) -> bool:
    """Whether one upstream gives no more than another for the same place."""
    return (
        (wide.path, wide.url) == (one.path, one.url)
        and one.credential in {wide.credential, None}
        and _part(one.push.refs, wide.push.refs)
        and (wide.push.force == "own" or one.push.force == "never")
        and (wide.push.tags or not one.push.tags)
        and (wide.push.review == "auto" or one.push.review == "hold")
        and (wide.push.protected == "hold" or one.push.protected == "reject")
        and (wide.push.lockfiles == "any" or one.push.lockfiles == "with-manifest")
        and _part(one.push.authors, wide.push.authors)
        and (not wide.push.sign_off or one.push.sign_off)
        and wide.push.signatures in {"any", one.push.signatures}
        and _at_most(one.push.max_file, wide.push.max_file)
        and _at_most(one.push.max_pack, wide.push.max_pack)
    )


def _at_most(said: int | None, bound: int | None) -> bool:
    return bound is None or (said is not None and said <= bound)


def _git_described(one: GitUpstream) -> str:
    place = plain(str(one.path) if one.path is not None else one.url, limit=200)
    refs = _listed(one.push.refs) if one.push.refs else "branches of its own"
    key = f", with your credential {one.credential}" if one.credential else ""
    return f"lets the bottle read {place}{key} and push {refs} there"


def _inside(policy: BottleSpec, said: Layer) -> Found:
    for name, value in said.env:
        if (name, value) not in policy.env:
            yield f"env.{name}", f"sets {name} to {plain(value, limit=60) or 'nothing'} inside"
    for index, mount in enumerate(said.mounts):
        if mount not in policy.mounts:
            how = "read and change" if mount.writable else "read"
            yield f"mounts[{index}]", f"lets the bottle {how} {plain(str(mount.host_path), limit=200)}"


def _image(policy: Image | None, said: ImageSaid | None) -> Found:
    if said is None:
        return
    now = policy or Image()
    if said.source and said.source != now.source:
        yield "image", described_source(said.source)
    for index, package in enumerate(said.packages):
        if package not in now.packages:
            yield f"image.packages[{index}]", f"installs {plain(package, limit=200)} in the image, outside the bottle"
    for name, value in said.build_args:
        if (name, value) not in now.build_args:
            yield f"image.build_args.{name}", f"builds with {name} set to {plain(value, limit=60) or 'nothing'}"
    if said.build_network == "host" and now.build_network != "host":
        yield "image.build_network", "builds the image in this machine's own network"
    if said.build_network == "default" and now.build_network == "none":
        yield "image.build_network", "builds the image with a network"
    if said.runtime and now.runtime and OWN_KERNEL.get(said.runtime, 0) < OWN_KERNEL.get(now.runtime, 0):
        yield "image.runtime", f"runs with {said.runtime} instead of {now.runtime}"
    if said.read_only is False and now.read_only:
        yield "image.read_only", "lets the bottle write everywhere inside"


def _services(policy: BottleSpec, said: Layer) -> Found:
    for service in said.services:
        if service not in policy.services:
            yield f"services.{service.name}", f"runs the image {plain(service.image, limit=200)} beside the bottle"


def described_source(source: ImageSource) -> str:
    """What an image comes from, in a user's words."""
    if isinstance(source, FromDockerfile):
        return f"builds {plain(str(source.dockerfile), limit=200)} outside the bottle, with docker's network, and runs it"
    if isinstance(source, FromReference):
        return f"runs the image {plain(source.reference, limit=200)}"
    if isinstance(source, FromArchive):
        return f"runs the image in {plain(str(source.archive), limit=200)}"
    if isinstance(source, FromAgent):
        return f"builds the agent's image on {plain(source.base, limit=200)}"
    return f"runs from the folder {plain(str(source.rootfs), limit=200)}"


def described(rule: Rule) -> str:
    """What one allow lets out, in a user's words."""
    methods = ", ".join(rule.methods) or "any request"
    paths = f" on {_listed(rule.paths)}" if rule.paths else ""
    ports = ", ".join(str(port) for port in rule.ports)
    private = f", also at {_listed(rule.addresses)}" if rule.addresses else ""
    unseen = ", unseen (passthrough)" if rule.passthrough else ""
    return f"{methods} to {rule.scheme}://{rule.host} port {ports}{paths}{private}{unseen}"


def _taken(source: SecretSource) -> str:
    if isinstance(source, FromCommand):
        return f"runs {plain(shlex.join(source.command), limit=200)} on this host as you"
    if isinstance(source, FromFile):
        part = f"{plain(source.key, limit=100)} in " if source.key else ""
        return f"reads {part}{plain(str(source.file), limit=200)}"
    if isinstance(source, FromEnv):
        return f"takes {source.env} from your environment"
    return f"takes {plain(source.keyring, limit=100)} from your keyring"


def _sent_to(credential: Credential) -> str:
    targets = ", ".join(dict.fromkeys(target.host for target in credential.to))
    asked = credential.oauth2
    if asked is None:
        return targets
    client = f", {_taken(asked.client_secret)} for it" if asked.client_secret is not None else ""
    return f"{asked.host} for tokens{client}, and the tokens to {targets}"


def _amount(field: str, value: float | int | None) -> str:
    if value is None:
        return "no limit"
    if field in {"memory", "disk"}:
        return written_size(int(value))
    return written_time(value) if field == "time_s" else f"{value:g}"


def _listed(words: tuple[str, ...]) -> str:
    return plain(" ".join(words), limit=200)


def _part(inner: tuple[object, ...], wide: tuple[object, ...]) -> bool:
    """Whether one list of a rule admits no more than another; an empty one admits anything."""
    return not wide or (bool(inner) and set(inner) <= set(wide))


def _block_covers(wide: str, block: str) -> bool:
    outer, inner = ip_network(wide), ip_network(block)
    return outer.version == inner.version and outer.prefixlen <= inner.prefixlen and inner.network_address in outer
