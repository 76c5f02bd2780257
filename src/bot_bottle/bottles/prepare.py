"""Prepare: every decision about one bottle, written into its stage dir and nowhere else. Starts nothing, prints nothing."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import CA_VARIABLES, AgentProvider, Installed, Provisioning
from bot_bottle.agents.supervised import CLIENTS_FILE, SUPERVISE_TOKEN, standing_prompt
from bot_bottle.backends.base import Backend
from bot_bottle.bottles.home import home_of
from bot_bottle.bottles.names import guest_folder
from bot_bottle.host.files import make_private_folder, write_below, write_file
from bot_bottle.host.roots import find_roots, merge_roots
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.plans.bottle import GUEST_CA, GUEST_HOME, AgentProvision, BottlePlan, GuestFile
from bot_bottle.plans.gate import GATE_PORTS, GatePlan, Line
from bot_bottle.plans.image import ImageToMake, ReadyImage
from bot_bottle.record import replace

GUEST_PROMPT = "/run/bot-bottle/prompt.md"
OF_THE_IMAGE = ("PATH", "LANG", "SHELL")
"""Variables in which an image is right and our defaults are not."""

TERMINAL_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,31}")


def prepare(
    spec: BottleSpec,
    *,
    slug: str,
    stage_dir: Path,
    backend: Backend,
    provider: AgentProvider,
    installed: Installed | None,
    egress: GatePlan,
    dlp: GatePlan | None = None,
    supervise: GatePlan | None = None,
    git: GatePlan | None = None,
    files: tuple[GuestFile, ...] = (),
    host: Mapping[str, str],
    interactive: bool,
    preset_env: tuple[tuple[str, str], ...] = (),
    image: ReadyImage | None = None,
    choice: Line | None = None,
) -> BottlePlan:
    """The frozen plan of one bottle. `host` is the operator's environment: names are looked at, and TERM."""
    workspace = f"/work/{guest_folder(spec.workspace.path.name)}"
    asked = Provisioning(
        spec=spec,
        guest_home=GUEST_HOME,
        guest_workspace=workspace,
        guest_prompt_file=GUEST_PROMPT,
        host_variables=frozenset(host),
        interactive=interactive,
        host_values=provider.plain_values(host),
        is_supervised=supervise is not None,
    )
    provision = provider.provision(asked, installed)
    provision = replace(provision, files=(*files, *provision.files), dockerfile_path=provider.dockerfile())
    write_stage(stage_dir, spec, provision, is_supervised=supervise is not None)
    shared = BottlePlan(
        slug=slug,
        spec=spec,
        stage_dir=stage_dir,
        home_dir=home_of(spec, stage_dir),
        workspace_dir=spec.workspace.path if spec.workspace.mode == "bind" else stage_dir / "workspace",
        guest_workspace=workspace,
        guest_home=GUEST_HOME,
        prompt_file=stage_dir / "prompt.md",
        ca_file=stage_dir / "ca" / "ca.pem",
        ca_bundle_file=stage_dir / "ca" / "bundle.pem",
        guest_env=guest_env(
            spec, slug, provision, terminal=host.get("TERM", ""), preset_env=preset_env, image_env=said_by(image)
        ),
        agent_provision=provision,
        egress_plan=egress,
        dlp_plan=dlp,
        supervise_plan=supervise,
        git_gate_plan=git,
        image=image,
        choice=choice,
    )
    return backend.prepare(shared)


def write_stage(stage_dir: Path, spec: BottleSpec, provision: AgentProvision, *, is_supervised: bool) -> None:
    """The prompt file (always, 0600), the roots that the bottle trusts beside its own, and the agent's files in its home.

    The supervise gate's token is made here: the plan, which is shown, only marks where it goes.
    """
    write_file(stage_dir / "prompt.md", standing_prompt(spec.prompt, is_supervised=is_supervised))
    token = os.urandom(32).hex() if is_supervised else ""
    if is_supervised:
        write_file(stage_dir / "supervise.token", token)
    folder = make_private_folder(stage_dir / "ca")
    roots = merge_roots("", (find_roots(os.environ), *spec.egress.upstream.ca))
    write_file(folder / "bundle.pem", roots, mode=0o644)
    home = make_private_folder(stage_dir / "home")
    files = (*provision.files, CLIENTS_FILE) if is_supervised else provision.files
    for file in files:  # the home may be that of a bottle that ran before
        write_below(home, file.path, file.content.replace(SUPERVISE_TOKEN, token), mode=file.mode)


def said_by(image: ReadyImage | None) -> tuple[tuple[str, str], ...]:
    """The environment that the image asks for."""
    return () if image is None or isinstance(image, ImageToMake) else image.config.env


def guest_env(
    spec: BottleSpec,
    slug: str,
    provision: AgentProvision,
    *,
    terminal: str,
    preset_env: tuple[tuple[str, str], ...],
    image_env: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, str], ...]:
    """The whole environment inside, later sources over earlier ones: ours, presets', the agent's, the manifest's.

    An image's own comes first of all, except that its PATH, LANG and SHELL stand against ours: it knows what lies in it.
    """
    proxy = f"http://127.0.0.1:{GATE_PORTS['egress']}"
    env = {
        "HOME": GUEST_HOME,
        "USER": "agent",
        "LOGNAME": "agent",
        "SHELL": "/bin/bash",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TERM": terminal if TERMINAL_NAME.fullmatch(terminal) else "xterm-256color",
        "BOT_BOTTLE": slug,
        "NODE_USE_ENV_PROXY": "1",
    }
    near = ",".join(("localhost", "127.0.0.1", "::1", *(service.name for service in spec.services)))
    env |= {"NO_PROXY": near, "no_proxy": near}
    env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    env |= dict.fromkeys(CA_VARIABLES, GUEST_CA)
    env = dict(image_env) | env | {name: value for name, value in image_env if name in OF_THE_IMAGE and value}
    env |= dict(preset_env) | dict(provision.env) | dict(spec.env)
    return tuple(sorted(env.items()))
