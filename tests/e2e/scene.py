"""Who runs bot-bottle in these tests, on what, against which stand-in: records and what makes them."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import standin
from engine import engine_variables

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ROOT / "examples" / "demo" / "repository"
TIME_LIMIT_S = 240.0
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody who runs bot-bottle: with a home of their own, as root or as an ordinary user."""

    name: str
    uid: int
    home: Path
    prefix: tuple[str, ...]
    python: str
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The argv of `bot-bottle ARGUMENTS` as this operator."""
        return (*self.prefix, self.python, "-m", "bot_bottle", *arguments)

    def env(self, **more: str) -> dict[str, str]:
        """An environment built for this operator: no agent's variables of whoever runs the tests."""
        kept = {name: value for name, value in os.environ.items() if name in PASSED or name.upper().startswith(("PIP_", "NPM_"))}
        fixed = {"HOME": str(self.home), "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color", **engine_variables()}
        return kept | fixed | self.environment | more

    def bot_bottle(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.env(**variables),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )

    def own(self, folder: Path) -> Path:
        """Give a folder and all in it to this operator."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.uid, self.uid, follow_symlinks=False)
        return folder


PASSED = {
    "PATH",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "NO_PROXY",
}
"""What both operators inherit: where programs and the system's roots are."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One scene: an operator, a git repository, the stand-in, and the key that only host and API may know."""

    operator: Operator
    repository: Path
    model: standin.StandIn
    key: str = field(repr=False)
    folder: Path


def drop_to(uid: int) -> tuple[str, ...]:
    """The start of an argv that runs the rest as this user, without groups and capabilities.

    `env` stands between because setpriv itself still has root's rights when it executes; the next program has not.
    """
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all", "--", "env")


def runs(argv: tuple[str, ...]) -> bool:
    """Whether the command ends well."""
    return subprocess.run(argv, capture_output=True, check=False, cwd="/", env={"PATH": os.environ["PATH"]}).returncode == 0


def open_folder(folder: Path) -> Path:
    """Let everybody pass through the test's own folders."""
    for path in (folder, *folder.parents[: len(folder.parents) - 2]):
        if path.stat().st_uid == os.getuid() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    return folder


def git_repository(folder: Path) -> Path:
    """A real repository with one commit, of the demo's project."""
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=Me", "-c", "user.email=me@example.com", "commit", "--quiet", "-m", "Begin"),
    ):
        subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True)
    return folder
