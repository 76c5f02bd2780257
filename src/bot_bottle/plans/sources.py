"""Where a secret comes from, in a few words; never the secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.manifest.spec import FromCommand, FromEnv, FromFile, FromKeyring, SecretSource


def described_source(source: SecretSource) -> str:
    """For the preflight and for errors. Of a command only the program is shown: its words may hold more."""
    if isinstance(source, FromEnv):
        return f"environment variable {source.env}"
    if isinstance(source, FromFile):
        return f"{source.key} in {source.file}" if source.key else f"file {source.file}"
    if isinstance(source, FromCommand):
        return f"command `{source.command[0]} …`"
    return f"keyring entry {source.keyring}"


def source_from(row: Mapping[str, Any]) -> SecretSource:  # Any: JSON
    """A source from the plan as it is stored."""
    match row:
        case {"env": str(env)}:
            return FromEnv(env=env)
        case {"file": str(file), **more}:
            return FromFile(file=Path(file), key=str(more.get("key", "")))
        case {"command": [*words]}:
            return FromCommand(command=tuple(str(word) for word in words))
        case {"keyring": str(keyring)}:
            return FromKeyring(keyring=keyring)
    raise ValueError("no source of a secret")
