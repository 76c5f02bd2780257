"""A plan as text for people and as JSON for programs. The same object that launch carries out; no secret is in it."""

from enum import Enum
from pathlib import Path
from typing import Any

from bot_bottle.manifest.spec import Limits
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.plans.image import DockerImage, ImageArchive, ImageToMake, ReadyImage, RootFolder
from bot_bottle.record import field_values, is_record


def to_json(value: object) -> Any:  # Any: JSON
    """Records, paths, enums and tuples as JSON values."""
    if is_record(value):
        return {name: to_json(one) for name, one in field_values(value).items()}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return value


def plan_json(plan: BottlePlan) -> dict[str, Any]:  # Any: JSON
    """The plan for `--json`: its fields, what derives from them, and the preflight's lines."""
    shown = to_json(plan)
    assert isinstance(shown, dict)
    shown["agent_command"] = list(plan.agent_command)
    shown["preflight"] = [to_json(line) for line in preflight_lines(plan)]
    return shown


def preflight_lines(plan: BottlePlan) -> tuple[Line, ...]:
    """What will be true of this bottle, in a user's words, in the order a careful reader asks."""
    spec = plan.spec
    how = {"bind": "shared: changes are made in your folder at once", "copy": "a copy: your folder is not touched"}
    how["clone"] = "a clone with your uncommitted changes, without ignored files; its branches arrive as bottle/…"
    lines = [
        Line(label="bottle", text=plan.slug, why=", ".join(spec.origin)),
        *((plan.choice,) if plan.choice is not None else ()),
        Line(label="agent", text=f"{plan.agent_provision.provider} {plan.agent_provision.version}".strip()),
        Line(
            label="workspace",
            text=f"{spec.workspace.path} → {plan.guest_workspace} ({how.get(spec.workspace.mode, spec.workspace.mode)})",
        ),
        *plan.agent_provision.notes,
    ]
    if spec.home == "kept":
        text = f"kept: what a bottle of {spec.agent} leaves there, the next one finds; one at a time"
        lines.append(Line(label="home", text=text, why=dict(spec.decided_by).get("home", "")))
    if plan.image is not None:
        lines.append(Line(label="image", text=described_image(plan.image), why=dict(spec.decided_by).get("image", "")))
    if spec.prompt:
        lines.append(Line(label="prompt", text=f"{len(spec.prompt)} characters, by {plan.agent_prompt_mode.value}"))
    lines += [
        Line(label="mount", text=f"{mount.host_path} → {mount.guest_path}, {'writable' if mount.writable else 'read-only'}")
        for mount in spec.mounts
    ]
    for gate in plan.gate_plans:
        lines += gate.describe()
    lines += [*plan.describe_sealing(), Line(label="limits", text=described_limits(spec.limits))]
    return tuple(lines)


def described_image(image: ReadyImage) -> str:
    """Which root file system, in one line."""
    match image:
        case DockerImage():
            return f"{image.origin} ({short_digest(image.reference)})"
        case RootFolder() | ImageArchive():
            return f"{image.origin} ({short_digest(image.digest)})" if image.digest else image.origin
        case ImageToMake():
            return f"{image.origin}, to be {image.how} first"


def short_digest(digest: str) -> str:
    """As docker shows them: twelve digits."""
    return digest.removeprefix("sha256:")[:12]


def described_limits(limits: Limits) -> str:
    """The limits in one line; "none" where nothing is limited."""
    parts = [
        f"{limits.cpus:g} cpus" if limits.cpus is not None else "",
        f"{limits.memory / 1024**3:g} GiB of memory" if limits.memory is not None else "",
        f"{limits.pids} processes" if limits.pids is not None else "",
        f"{limits.disk / 1024**3:g} GiB of disk" if limits.disk is not None else "",
        f"{limits.time_s:g} s" if limits.time_s is not None else "",
    ]
    return ", ".join(part for part in parts if part) or "none"
