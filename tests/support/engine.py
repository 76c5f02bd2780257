"""The backend that an engine's script asks for, as the default of the tests' operator: so whole suites run on it unchanged."""

import os
from pathlib import Path

ENGINE = os.environ.get("BOT_BOTTLE_TEST_ENGINE", "")
PASSED = ("BOT_BOTTLE_RUNSC",)
"""What an operator's environment must hold for it."""


def prefer_engine(home: Path) -> Path:
    """Write the operator's policy below this home; nothing when no engine is asked for."""
    if ENGINE:
        folder = home / ".config" / "bot-bottle"
        folder.mkdir(parents=True)
        (folder / "policy.yaml").write_text(f"backend: {ENGINE}\n")
    return home


def engine_variables() -> dict[str, str]:
    """Those of our own environment that name the engine."""
    return {name: os.environ[name] for name in PASSED if name in os.environ}
