"""Sets the scene of the attacks on the host: bait, the servers that rules allow, and the bottles, started by the normal doors.

Everything lies in one temporary folder and in the bottles' own; leaving the context ends and removes all of it.
"""

import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bot_bottle.attacks import inside
from bot_bottle.backends.base import TtySize
from bot_bottle.bottles import listing
from bot_bottle.bottles.idle import search_path
from bot_bottle.bottles.relay import wait_started
from bot_bottle.bottles.start import Asked, Started, start
from bot_bottle.bottles.stop import stop
from bot_bottle.errors import BottleError
from bot_bottle.gates.egress.authority import Authority
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, LongCommand, run, spawn
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.record import dataclass, field

Facts = dict[str, Any]  # Any: JSON
Say = Callable[[str], None]

OPEN_HOST, PLAIN_HOST = "open.example.com", "plain.example.com"
TOOLS = ".bot-bottle-attack"
"""The folder of the workspaces with the programs that run inside."""
MEMORY, PIDS = 512 << 20, 256
"""Limits of the bottles, in bytes and processes."""
READY_S = 10.0
GIT_S = 30.0
OPERATOR = {"NAME": "Operator", "EMAIL": "operator@example.com"}
PORTS = range(40_000, 60_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the operator chose: the backend and the image, empty for the manifest's usual ones."""

    backend: str | None = None
    image: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What stands: the folder, the facts that cases name, the secrets that must not leave, and the bottles by their part."""

    folder: Path
    facts: Facts
    canaries: Mapping[str, str] = field(repr=False)
    bottles: dict[str, BottlePlan]
    wanted: Wanted
    undo: ExitStack
    say: Say
    looked: set[str] = field(default_factory=set)
    """What was done once on the host, to look at the work of a bottle."""

    def touched(self) -> list[dict[str, str]]:
        """What the bait's listeners wrote down."""
        return [json.loads(line) for line in (self.folder / "bait" / "touched.jsonl").read_text().splitlines()]


@contextmanager
def set_scene(wanted: Wanted, *, say: Say) -> Iterator[Scene]:
    """The scene with the main bottle and its neighbour; ended and removed afterwards."""
    canaries = {
        name: f"bb-{name}-{secrets.token_urlsafe(24)}"
        for name in ("argument", "environment", "memory", "file", "api", "own", "bait")
    }
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="bot-bottle-attack-")))
        facts = start_decoy(folder, canaries, undo)
        write_project(folder / "project")
        facts |= write_repositories(folder, canaries["file"])
        write_file(folder / "secret", canaries["file"])
        facts |= {f"{name}_canary": value for name, value in canaries.items() if name in ("argument", "environment", "memory")}
        facts |= {"secret": canaries["own"], "bait": canaries["bait"], "token": made_up_token()}
        facts |= {"sought": [sought(name, canaries[name]) for name in ("file", "api")], "file_start": canaries["file"][:12]}
        facts |= {f"ran_{place}": str(folder / f"ran-{place}") for place in ("main", "clone", "bind")}
        facts |= {"secret_up": "../" * 12 + str(folder / "secret").lstrip("/")}
        facts |= {"secret_path": str(folder / "secret"), "neighbour_port": secrets.choice(PORTS)}
        facts["neighbour_abstract"] = f"\0bot-bottle-neighbour-{secrets.token_hex(8)}"
        scene = Scene(folder=folder, facts=facts, canaries=canaries, bottles={}, wanted=wanted, undo=undo, say=say)
        write_manifest(scene)
        add_bottle(scene, "main")
        add_bottle(scene, "neighbour", "neighbour", str(facts["neighbour_port"]), facts["neighbour_abstract"][1:])
        yield scene


def made_up_token() -> str:
    """Of a known format, and nobody's: GitHub's old one for personal access, forty letters and digits without its checksum."""
    return "ghp_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(36))


def start_decoy(folder: Path, canaries: Mapping[str, str], undo: ExitStack) -> Facts:
    """Start the bait, and return where everything of it is."""
    bait = folder / "bait"
    bait.mkdir(mode=0o755)
    authority = Authority("attack")
    write_file(folder / "ca.pem", authority.certificate)
    pair = authority.leaf(OPEN_HOST)
    write_file(bait / "leaf.pem", pair.certificate + pair.key)
    code = f"import sys; sys.path[:0] = {search_path()!r}; from bot_bottle.attacks.decoy import main; main()"
    log = os.open(folder / "bait.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    process = spawn(
        LongCommand(
            argv=(sys.executable, "-I", "-S", "-c", code, str(bait), canaries["memory"], canaries["argument"]),
            env={"LANG": "C.UTF-8", "PATH": os.defpath, "BOT_BOTTLE_BAIT": canaries["environment"]},
            stderr=log,
        )
    )
    undo.callback(process.end)
    os.close(log)
    deadline = time.monotonic() + READY_S
    while not (bait / "facts.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BottleError("The bait did not start.", facts=((folder / "bait.log").read_text()[-2000:],))
        time.sleep(0.01)
    facts: Facts = json.loads((bait / "facts.json").read_text())
    return facts


def write_project(project: Path) -> None:
    """A workspace that holds the programs for inside, as a package that needs nothing of ours."""
    source = Path(inside.__file__).parent
    package = project / TOOLS / "bot_bottle" / "attacks" / "inside"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parents[1]):
        (folder / "__init__.py").write_text("")
    for path in source.glob("*.py"):
        shutil.copyfile(path, package / path.name)
    (project / "README.md").write_text("A project.\n")


def write_repositories(folder: Path, canary: str) -> Facts:
    """The project as a repository with a commit that no branch shows, and another one that no bottle was given."""
    for name in ("project", "other"):
        (folder / name).mkdir(exist_ok=True)
        git(folder / name, "init", "--quiet", "--initial-branch=main")
        git(folder / name, "add", "--all", "--", ".", f":!{TOOLS}")
        git(folder / name, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    project = folder / "project"
    hidden = git(project, "commit-tree", "-m", f"Hidden {canary}", "HEAD^{tree}")
    git(project, "update-ref", "refs/stash", hidden)
    return {
        "git_url": "http://127.0.0.1:3129/local/project.git",
        "hidden_commit": hidden,
        "main": git(project, "rev-parse", "main"),
    }


def git(at: Path, *words: str) -> str:
    """One command of the operator's own git, without the operator's settings; what it prints."""
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in OPERATOR.items()}
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(at), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
    done = run(Command(argv=("git", *words), env=env | who, cwd=at, timeout_s=GIT_S))
    if done.code != 0:
        raise BottleError(f"git {words[0]} failed.", facts=(done.stderr.decode(errors="replace")[-500:],))
    return done.stdout.decode().strip()


def write_manifest(scene: Scene) -> None:
    """One that opens a host with TLS and one without, and gives the bottle limits."""
    facts = scene.facts
    connect = {f"{OPEN_HOST}:443": f"127.0.0.1:{facts['web_tls_port']}", f"{PLAIN_HOST}:80": f"127.0.0.1:{facts['web_port']}"}
    text = {
        "agent": "shell",
        "egress": {
            "rules": [
                {"host": OPEN_HOST, "methods": ["GET", "POST"], "paths": ["/open/**"], "max_body": "976KiB"},
                {"host": f"*.{OPEN_HOST}"},
                {"host": OPEN_HOST, "paths": ["/open/closed/**"], "deny": True},
                {"host": PLAIN_HOST, "scheme": "http"},
            ],
            "upstream": {"connect": connect, "ca": [str(scene.folder / "ca.pem")]},
        },
        "dlp": {"secrets": [{"env": "BOT_BOTTLE_ATTACK_OWN"}], "canaries": [{"env": "BOT_BOTTLE_ATTACK_BAIT"}]},
        "credentials": [
            {
                "name": "api",
                "from": {"env": "BOT_BOTTLE_ATTACK_API"},
                "to": {"host": OPEN_HOST, "paths": ["/open/echo/**"], "header": "x-api-key"},
            }
        ],
        "git": {"upstreams": [{"path": str(scene.folder / "project"), "push": {"force": "never", "max_file": "2MiB"}}]},
        "supervise": {"enabled": True},
        "limits": {"memory": f"{MEMORY >> 20}MiB", "pids": PIDS, "time": "15m"},
    }
    write_file(scene.folder / "bottle.yaml", json.dumps(text))


MODES = {"main": "copy", "neighbour": "copy", "doomed": "copy", "clone": "clone", "bind": "bind"}


def add_bottle(scene: Scene, part: str, *words: str) -> None:
    """Start one more bottle, whose agent is one of the programs for inside. CannotRunHere where there is none of its kind."""
    wanted, folder = scene.wanted, scene.folder / "project"
    if part == "bind":
        folder = scene.folder / "shared"
        if not folder.exists():
            shutil.copytree(scene.folder / "project", folder)
    overrides = Overrides(
        agent="shell",
        backend=wanted.backend,
        workspace=folder,
        mode=MODES[part],
        args=inside_words(*(words or ("agent",))),
        image=wanted.image,
    )
    asked = Asked(
        sources=Sources(cwd=scene.folder, manifest=scene.folder / "bottle.yaml", overrides=overrides),
        slug=f"attack-{part}-{secrets.token_hex(3)}",
        detach=True,
        terminal=TtySize(rows=24, cols=80),
    )
    secret = {f"BOT_BOTTLE_ATTACK_{name.upper()}": value for name, value in scene.canaries.items()}
    started = start(asked, host={**os.environ, **secret}, say=scene.say, preflight=lambda _plan: None)
    assert isinstance(started, Started)
    scene.undo.callback(end_bottle, started.plan.slug)
    wait_started(started.kept.report)
    scene.bottles[part] = started.plan


def sought(name: str, secret: str) -> Facts:
    """What the search inside is told of a secret: not enough to be found itself."""
    return {"name": name, "start": secret[:12], "length": len(secret), "digest": hashlib.sha256(secret.encode()).hexdigest()}


def inside_words(program: str, *words: str, at: str = TOOLS) -> tuple[str, ...]:
    """The command that runs one of the programs for inside, which lie in this folder of the workspace."""
    return (
        "env",
        f"PYTHONPATH={at}",
        "PYTHONDONTWRITEBYTECODE=1",
        "python3",
        "-m",
        f"bot_bottle.attacks.inside.{program}",
        *words,
    )


def end_bottle(slug: str) -> None:
    """End the bottle and remove all of it."""
    if listing.read_state(slug) in ("starting", "running"):
        stop(slug, grace_s=0.2)
    listing.remove(slug, force=True)
