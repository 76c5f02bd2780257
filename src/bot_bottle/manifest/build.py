"""From what pydantic has checked to the frozen records of `spec.py`. After this nobody checks again."""

from hashlib import sha256
from pathlib import Path

from bot_bottle.manifest.find import read_once
from bot_bottle.manifest.git import GitPushSection, GitSection, GitUpstreamSection
from bot_bottle.manifest.hosts import host_and_port
from bot_bottle.manifest.image import ImageSection, ServiceSection
from bot_bottle.manifest.layer import DlpSaid, GitSaid, ImageSaid, Layer, SuperviseSaid
from bot_bottle.manifest.mistakes import Mistake, Place, Wrong, mistake
from bot_bottle.manifest.model import (
    Common,
    CredentialSection,
    DlpSection,
    EgressSection,
    LimitsSection,
    Manifest,
    OAuth2Section,
    Policy,
    SecretSection,
    SuperviseSection,
    TargetSection,
    UpstreamSection,
    WorkspaceSection,
)
from bot_bottle.manifest.overrides import prompt_text
from bot_bottle.manifest.rule import McpToolSection, RuleSection
from bot_bottle.manifest.spec import (
    Budget,
    ConnectTo,
    Credential,
    DlpAction,
    FromAgent,
    FromArchive,
    FromCommand,
    FromDockerfile,
    FromEnv,
    FromFile,
    FromKeyring,
    FromReference,
    FromRootfs,
    GitPush,
    GitUpstream,
    ImageSource,
    McpTool,
    Mount,
    Notify,
    OAuth2,
    Rule,
    Scheme,
    SecretSource,
    Service,
    Target,
    Upstream,
)
from bot_bottle.manifest.tree import Branch, Items, Node
from bot_bottle.record import replace

DEFAULT_PORT: dict[Scheme, int] = {"https": 443, "http": 80}


def build(said: Common, tree: Branch) -> tuple[Layer, list[Mistake]]:
    """The file as a layer, and what is wrong with the files it names."""
    places = dict(key_places(tree))
    mistakes: list[Mistake] = []
    prompt, reads = said.prompt, []
    if said.prompt_file is not None:
        try:
            prompt = prompt_text(said.prompt_file)
            reads.append((said.prompt_file, sha256(prompt.encode()).hexdigest()))
        except Wrong as wrong:
            mistakes.append(mistake(places["prompt_file"], "prompt_file", wrong, said.prompt_file))
    for key, path in _named_files(said):
        try:
            reads.append((path, sha256(read_once(path, follow=True)[0]).hexdigest()))
        except OSError as error:
            mistakes.append(mistake(places[key], key, Wrong(f"the file cannot be read ({error.strerror})"), path))
    layer = replace(_layer(said, tree.place.name, places), prompt=prompt, reads=tuple(reads))
    return replace(layer, image=_pinned(layer.image, dict(reads))), mistakes


def _pinned(image: ImageSaid | None, reads: dict[Path, str]) -> ImageSaid | None:
    """The Dockerfile bound to the content that was judged: what is built is that, or nothing."""
    if image is None or not isinstance(image.source, FromDockerfile):
        return image
    return replace(image, source=replace(image.source, sha256=reads.get(image.source.dockerfile, "")))


def _named_files(said: Common) -> list[tuple[str, Path]]:
    """Key path and place of the files whose content counts as if it stood in this one: to trust one is to trust the other."""
    named = [(f"egress.upstream.ca[{index}]", path) for index, path in enumerate(_authorities(said))]
    if said.image and said.image.dockerfile:
        named.append(("image.dockerfile", said.image.dockerfile))
    return named


def _authorities(said: Common) -> list[Path]:
    return (said.egress and said.egress.upstream and said.egress.upstream.ca) or []


def _layer(said: Common, label: str, places: dict[str, Place]) -> Layer:
    egress = said.egress or EgressSection()
    workspace = said.workspace if isinstance(said, (Manifest, Policy)) else None
    written = [(f"egress.rules[{index}]", row) for index, row in enumerate(egress.rules or ())]
    rules = [(path, rule) for path, row in written for rule in _rules(row, places[path].short)]
    return Layer(
        label=label,
        agent=said.agent,
        backend=said.backend,
        workspace=workspace.path if isinstance(workspace, WorkspaceSection) else None,
        mode=workspace.mode if workspace else None,
        home=said.home,
        args=tuple(said.args) if isinstance(said, Manifest) and said.args is not None else None,
        command=tuple(said.command) if isinstance(said, Manifest) and said.command is not None else None,
        rules=tuple(rule for _, rule in rules),
        rule_paths=tuple(path for path, _ in rules),
        presets=tuple(egress.presets or ()),
        upstream=_upstream(egress.upstream or UpstreamSection()),
        credentials=tuple(
            _credential(row, places[f"credentials[{index}]"].short) for index, row in enumerate(said.credentials or ())
        ),
        limits=_limits(said.limits or LimitsSection()),
        env=tuple(sorted((said.env or {}).items())),
        mounts=tuple(Mount(host_path=row.path, guest_path=row.to, writable=bool(row.writable)) for row in said.mounts or ()),
        budget=Budget(usd=said.budget.usd, tokens=said.budget.tokens) if said.budget else None,
        dlp=_dlp(said.dlp) if said.dlp else None,
        image=_image(said.image) if said.image else None,
        services=tuple(_service(name, row) for name, row in (said.services or {}).items()),
        supervise=_supervise(said.supervise, places) if said.supervise else None,
        git=_git(said.git, places) if said.git else None,
        places=tuple(places.items()),
    )


def key_places(node: Node, path: str = "") -> list[tuple[str, Place]]:
    """Every key path of the file with its place: keys for mappings, beginnings for items of lists."""
    found: list[tuple[str, Place]] = []
    if isinstance(node, Branch):
        for key, scalar in node.keys.items():
            inner = f"{path}.{key}" if path else key
            found += [(inner, scalar.place), *key_places(node.values.get(key, scalar), inner)]
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            found += [(f"{path}[{index}]", item.place), *key_places(item, f"{path}[{index}]")]
    return found


def _rules(row: RuleSection, where: str) -> tuple[Rule, ...]:
    """One record, or two for a deny that names no scheme."""
    schemes: tuple[Scheme, ...] = (row.scheme,) if row.scheme else ("https", "http") if row.deny else ("https",)
    return tuple(
        Rule(
            host=row.host,
            where=where,
            ports=tuple(row.ports) if row.ports else () if row.deny else (DEFAULT_PORT[scheme],),
            scheme=scheme,
            methods=tuple(row.methods or ()),
            paths=tuple(row.paths or ()),
            addresses=tuple(row.addresses or ()),
            deny=bool(row.deny),
            passthrough=bool(row.passthrough),
            websocket=row.websocket is not False,
            query=tuple(row.query or ()),
            max_body=row.max_body,
            graphql=tuple(row.graphql or ()),
            mcp=tuple(_mcp_tool(one) for one in row.mcp or ()),
            git=bool(row.git),
        )
        for scheme in schemes
    )


def _mcp_tool(row: McpToolSection) -> McpTool:
    return McpTool(tool=row.tool, arguments=tuple((row.arguments or {}).items()))


def _upstream(section: UpstreamSection) -> Upstream:
    connect = []
    for left, right in (section.connect or {}).items():
        host, port = host_and_port(left)
        address, to_port = host_and_port(right)
        connect.append(ConnectTo(host=host, port=port, address=address, to_port=to_port))
    return Upstream(
        ca=tuple(section.ca or ()),
        proxy=section.proxy,
        proxy_login=_source(section.proxy_login) if section.proxy_login else None,
        no_proxy=tuple(section.no_proxy or ()),
        connect=tuple(connect),
    )


def _credential(row: CredentialSection, where: str) -> Credential:
    return Credential(
        name=row.name,
        source=_source(row.source),
        to=tuple(_target(target) for target in row.to),
        where=where,
        oauth2=_oauth2(row.oauth2) if row.oauth2 else None,
    )


def _oauth2(row: OAuth2Section) -> OAuth2:
    host, port, path = row.token_url
    return OAuth2(
        host=host,
        port=port,
        path=path,
        client_id=row.client_id,
        grant=row.grant or "refresh_token",
        scope=row.scope or "",
        client_secret=_source(row.client_secret) if row.client_secret else None,
        addresses=tuple(row.addresses or ()),
    )


def _source(section: SecretSection) -> SecretSource:
    if section.env:
        return FromEnv(env=section.env)
    if section.file:
        return FromFile(file=section.file, key=section.key or "")
    if section.command:
        program, *arguments = section.command
        return FromCommand(command=(str(Path(program).expanduser()), *arguments))
    assert section.keyring is not None
    return FromKeyring(keyring=section.keyring)


def _target(row: TargetSection) -> Target:
    """Without a place it is a bearer token; `authorization` without a format is one too (RFC 6750, 2.1)."""
    common = Target(
        host=row.host, ports=tuple(row.ports or (443,)), methods=tuple(row.methods or ()), paths=tuple(row.paths or ())
    )
    if row.basic:
        return replace(common, slot="basic", name=row.basic.user or "", format="{value}")
    if row.query:
        return replace(common, slot="query", name=row.query, format="{value}")
    if row.sigv4:
        return replace(common, slot="sigv4", name=row.sigv4.service, format=row.sigv4.region)
    header = row.header or "authorization"
    usual = "Bearer {value}" if header == "authorization" else "{value}"
    return replace(common, slot="header", name=header, format=row.format or usual)


def _limits(section: LimitsSection) -> tuple[tuple[str, float | int | None], ...]:
    fields = {"cpus": section.cpus, "memory": section.memory, "pids": section.pids, "disk": section.disk, "time_s": section.time}
    return tuple((name, None if value == "none" else value) for name, value in fields.items() if value is not None)


def _supervise(section: SuperviseSection, places: dict[str, Place]) -> SuperviseSaid:
    written = [(places[f"supervise.within[{index}]"].short, row) for index, row in enumerate(section.within or ())]
    told = section.notify
    notify = (
        None
        if told is None
        else Notify(
            desktop=bool(told.desktop),
            command=tuple(told.command or ()),
            webhook=told.webhook,
            key=_source(told.key) if told.key else None,
        )
    )
    return SuperviseSaid(
        enabled=section.enabled,
        unattended=section.unattended,
        within=tuple(rule for where, row in written for rule in _rules(row, where)),
        within_s=section.within_for,
        notify=notify,
    )


def _dlp(section: DlpSection) -> DlpSaid:
    secrets = tuple(_source(secret) for secret in section.secrets or ())
    return DlpSaid(
        engine=section.engine,
        secrets=secrets,
        canaries=tuple(_source(canary) for canary in section.canaries or ()),
        patterns=tuple(section.patterns or ()),
        formats=section.formats,
        injection=section.injection,
        unscannable=section.unscannable,
        actions=tuple(DlpAction(rule=one.rule or "*", host=one.host or "*", action=one.action) for one in section.actions or ()),
    )


def _image(section: ImageSection) -> ImageSaid:
    return ImageSaid(
        source=_image_source(section),
        packages=tuple(section.packages or ()),
        build_args=tuple(sorted((section.build_args or {}).items())),
        build_network=section.build_network,
        runtime=section.runtime,
        read_only=section.read_only,
    )


def _image_source(section: ImageSection) -> ImageSource | None:
    if section.dockerfile:
        context = section.context or section.dockerfile.parent
        return FromDockerfile(dockerfile=section.dockerfile, context=context, target=section.target or "")
    if section.ref:
        return FromReference(reference=section.ref)
    if section.archive:
        return FromArchive(archive=section.archive)
    if section.rootfs:
        return FromRootfs(rootfs=section.rootfs)
    return FromAgent(base=section.base) if section.base else None


def _git(section: GitSection, places: dict[str, Place]) -> GitSaid:
    rows = enumerate(section.upstreams or ())
    return GitSaid(
        upstreams=tuple(_upstream_repository(row, places[f"git.upstreams[{index}]"].short) for index, row in rows),
        protected_paths=None if section.protected_paths is None else tuple(section.protected_paths),
    )


def _upstream_repository(row: GitUpstreamSection, where: str) -> GitUpstream:
    said = row.push or GitPushSection()
    push = GitPush(
        refs=tuple(said.refs or ()),
        force=said.force or "own",
        tags=bool(said.tags),
        review=said.review or "auto",
        protected=said.protected or "hold",
        lockfiles=said.lockfiles or "any",
        authors=tuple(said.authors or ()),
        sign_off=bool(said.sign_off),
        signatures=said.signatures or "any",
        max_file=said.max_file,
        max_pack=said.max_pack,
    )
    return GitUpstream(where=where, path=row.path, url=row.url or "", credential=row.credential, push=push)


def _service(name: str, section: ServiceSection) -> Service:
    common = Service(
        name=name,
        image=section.image,
        env=tuple(sorted((section.env or {}).items())),
        command=tuple(section.command or ()),
        port=section.port,
        cpus=None if section.cpus == "none" else section.cpus,
    )
    if section.memory is None:
        return common
    return replace(common, memory=None if section.memory == "none" else section.memory)
