"""Reads the values of a plan's secrets at launch. They live in memory and go to the bundle only."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.host.run import Command, Run
from bot_bottle.manifest.spec import FromCommand, FromEnv, FromFile, SecretSource
from bot_bottle.plans.gate import Secret
from bot_bottle.plans.sources import described_source

SECRET_LIMIT = 64 * 1024
"""Largest secret in bytes: a PEM chain fits, a mistaken path does not."""

COMMAND_TIMEOUT_S = 60.0
"""A password manager may ask its user to unlock it."""

Keyring = Callable[[str, str], str | None]


def read_secrets(wanted: Sequence[Secret], *, host: Mapping[str, str], run: Run, keyring: Keyring) -> dict[str, str]:
    """Name → value. BottleError names every secret that cannot be read, never a value."""
    values: dict[str, str] = {}
    missing: list[str] = []
    for secret in wanted:
        try:
            value = read_secret(secret.source, host=host, run=run, keyring=keyring)
        except BottleError as error:
            missing.append(f"{secret.name}: {error.what}")
            continue
        if value:
            values[secret.name] = value
        else:
            missing.append(f"{secret.name}: {described_source(secret.source)} is empty")
    if missing:
        raise BottleError(
            "Not every credential could be read.", facts=tuple(missing), next="Set them, or remove them from the manifest."
        )
    return values


def read_secret(source: SecretSource, *, host: Mapping[str, str], run: Run, keyring: Keyring) -> str:
    """The value of one secret, without a last line end."""
    if isinstance(source, FromEnv):
        if source.env not in host:
            raise BottleError(f"the environment variable {source.env} is not set")
        return host[source.env].strip()
    if isinstance(source, FromFile):
        return _from_file(source)
    if isinstance(source, FromCommand):
        return _from_command(source, host=host, run=run)
    service, _, user = source.keyring.partition("/")
    value = keyring(service, user)
    if value is None:
        raise BottleError(f"the keyring has nothing under {source.keyring}")
    return value


def _from_file(source: FromFile) -> str:
    try:
        with open(source.file, "rb") as file:
            content = file.read(SECRET_LIMIT + 1)
    except OSError as error:
        raise BottleError(f"{source.file} cannot be read ({os.strerror(error.errno or 0)})") from error
    if len(content) > SECRET_LIMIT:
        raise BottleError(f"{source.file} is larger than {SECRET_LIMIT} bytes")
    text = _as_text(content, described_source(source))
    return _at_key(text, source) if source.key else text


def _at_key(text: str, source: FromFile) -> str:
    """The text at the key. The errors never hold what stands there."""
    import json

    try:
        found = json.loads(text)
    except ValueError:
        raise BottleError(f"{source.file} is no JSON") from None
    for name in source.key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise BottleError(f"there is no text at {source.key} in {source.file}")
    return found.strip()


def _from_command(source: FromCommand, *, host: Mapping[str, str], run: Run) -> str:
    # In / because the operator stands in a repository that others wrote: Python imports from there, git reads its settings there.
    command = Command(argv=source.command, env=dict(host), timeout_s=COMMAND_TIMEOUT_S, output_limit=SECRET_LIMIT, cwd=Path("/"))
    done = run(command)
    if done.code != 0:
        raise BottleError(f"{described_source(source)} ended with exit code {done.code}")
    return _as_text(done.stdout, described_source(source))


def _as_text(content: bytes, origin: str) -> str:
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BottleError(f"{origin} is not text") from None


def system_keyring(service: str, user: str) -> str | None:
    """Ask the desktop's keyring. BottleError if the keyring package is not installed or no keyring answers."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise BottleError("keyring support is not installed (pip install 'bot-bottle[keyring]')") from None
    try:
        value: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise BottleError(f"the keyring does not answer ({type(error).__name__})") from error
    return value
