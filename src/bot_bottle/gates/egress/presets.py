"""Named sets of rules for package tools. The hosts come from each tool's own settings on this machine, never from a list here.

Asking a tool takes a process or two, so its answer is kept in the cache until one of its settings changes. What it said is
cached only when it holds no secret.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import Run
from bot_bottle.manifest.spec import Credential, Rule
from bot_bottle.plans.bottle import GuestFile
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetResult:
    """What presets add: rules, credentials the gate sets, and what points the tool inside at the same registry."""

    rules: tuple[Rule, ...] = ()
    credentials: tuple[Credential, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[GuestFile, ...] = ()


def resolve_presets(names: tuple[str, ...], *, host: Mapping[str, str], run: Run, cache: Path) -> PresetResult:
    """What these presets stand for on this machine. CannotRunHere when a tool cannot say where its packages come from."""
    if not names:
        return PresetResult()
    found = [_resolve(name, host=host, run=run, cache=cache) for name in names]
    return PresetResult(
        rules=tuple(dict.fromkeys(rule for one in found for rule in one.rules)),
        credentials=tuple(dict.fromkeys(credential for one in found for credential in one.credentials)),
        env=tuple(dict(pair for one in found for pair in one.env).items()),
        files=tuple(file for one in found for file in one.files),
    )


def _resolve(name: str, *, host: Mapping[str, str], run: Run, cache: Path) -> PresetResult:
    from bot_bottle.gates.egress.tools.registry import result, tool

    asked_tool = tool(name)
    if asked_tool is None:
        raise CannotRunHere(f"There is no preset “{name}”.", next="Remove it from egress.presets, or write rules.")
    kept = cache / "presets" / f"{name}.json"
    key = _key(host, asked_tool.variables, asked_tool.files(host))
    answer = _read(kept, key)
    if answer is None:
        answer = asked_tool.ask(host, run)
        if not asked_tool.read(answer).has_secret:
            _keep(kept, key, answer)
    settings = asked_tool.read(answer)
    if not settings.registries:
        raise CannotRunHere(
            f"The preset {name} finds no registry: {name} names none that is reached over https or http.",
            next=f"Set up {name} on this machine, or write rules in place of the preset.",
        )
    return result(name, settings)


def _key(host: Mapping[str, str], variables: tuple[str, ...], files: tuple[Path, ...]) -> str:
    """A hash over what the tool's answer depends on; values of variables may be secrets and are not written anywhere."""
    import hashlib

    known = sorted((name, value) for name, value in host.items() if name.upper().startswith(variables))
    state = [(str(path), *_state(path)) for path in files]
    return hashlib.sha256(json.dumps([1, host.get("HOME"), host.get("PATH"), known, state]).encode()).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _read(kept: Path, key: str) -> str | None:
    """The answer of last time, unless a setting changed since. A file that is not ours to read counts as none."""
    try:
        held = json.loads(kept.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or held.get("key") != key or not isinstance(held.get("answer"), str):
        return None
    answer: str = held["answer"]
    return answer


def _keep(kept: Path, key: str, answer: str) -> None:
    from bot_bottle.host.files import make_private_folder, write_file

    make_private_folder(kept.parent)
    write_file(kept, json.dumps({"key": key, "answer": answer}))
