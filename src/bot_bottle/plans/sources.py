"""Where a secret comes from, in a few words; never the secret."""

from bot_bottle.manifest.spec import FromCommand, FromEnv, FromFile, SecretSource


def described_source(source: SecretSource) -> str:
    """For the preflight and for errors. Of a command only the program is shown: its words may hold more."""
    if isinstance(source, FromEnv):
        return f"environment variable {source.env}"
    if isinstance(source, FromFile):
        return f"file {source.file}"
    if isinstance(source, FromCommand):
        return f"command `{source.command[0]} …`"
    return f"keyring entry {source.keyring}"
