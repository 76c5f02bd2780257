"""Mode clone: a fresh clone of the operator's repository, made before anything runs in the bottle, and never touched by us again.

Git runs here with our settings only: no hooks, no filters, no templates. What comes over is what branches and tags lead to, as
over a network: no object of the operator's is shared with the bottle, and none that no branch leads to. Uncommitted changes are
carried over as files; what the operator's ignore files name stays outside.
"""

import os
import shutil
from pathlib import Path

from bot_bottle.bottles.unpushed import remember
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.gates.git_gate.inside import gate_url
from bot_bottle.gates.git_gate.plan import GitGatePlan, Repository
from bot_bottle.gates.git_gate.runner import Git, make_git, only_own
from bot_bottle.host.files import make_private_folder
from bot_bottle.plans.bottle import BottlePlan

CLONE_TIMEOUT_S = 600.0
CARRY_LIMIT = 100_000
"""Uncommitted files that are carried over; more are almost certainly something that should be ignored."""


def fill(plan: BottlePlan) -> None:
    """Clone into the bottle's workspace. BottleError with git's words when it fails."""
    gate = plan.git_gate_plan
    assert isinstance(gate, GitGatePlan)  # mode clone plans one
    one = next(one for one in gate.repositories if one.path == plan.spec.workspace.path)
    git = operator_git(gate.git, make_private_folder(gate.folder), one)
    own = git.without("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM").with_env(HOME=dict(gate.host).get("HOME", "/"))
    _clone(git, one, plan.workspace_dir, author=_author(own, one))
    _carry_over(own, one, plan.workspace_dir)
    plan.workspace_dir.chmod(0o700)
    remember(plan.workspace_dir)


def operator_git(program: str, folder: Path, one: Repository) -> Git:
    """Git that may read this repository of the operator's by its path, and reaches nothing else."""
    assert one.path is not None
    git = make_git(program, folder, safe=(one.path, one.path / ".git"), more=only_own(one.own), name="clone.config")
    return git.with_env(GIT_ALLOW_PROTOCOL="file")


def _clone(git: Git, one: Repository, target: Path, *, author: dict[str, str]) -> None:
    """`insteadOf` in our environment gives the clone the gate as its origin while it is filled from the operator's folder.

    Over git's protocol: left to itself git sees a path, and links the operator's own object files into a folder where the bottle
    may write. All of them, too, those that only other bottles' branches or no branch at all leads to.
    """
    url = gate_url(one.name)
    keep = [word for key, value in author.items() for word in ("--config", f"{key}={value}")]
    local = git.with_settings([(f"url.{one.path}.insteadOf", url)])
    words = ("clone", "--no-local", "--quiet", "--template=", "--no-recurse-submodules", *keep, "--", url, str(target))
    done = local.run(*words, timeout_s=CLONE_TIMEOUT_S)
    if done.code != 0:
        facts = tuple(done.stderr.decode("utf-8", "replace").splitlines()[-6:])
        raise BottleError("The workspace could not be cloned.", facts=facts, next="Use --mode copy, or repair the repository.")


LOOKING = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def _author(own: Git, one: Repository) -> dict[str, str]:
    """Who the operator is to git in that repository."""
    words = ("-C", str(one.path), "config", "--null", "--get-regexp", r"^user\.(name|email)$")
    rows = own.run(*words).stdout.decode("utf-8", "replace").split("\0")
    return {key: value for key, _, value in (row.partition("\n") for row in rows) if value}


def _carry_over(own: Git, one: Repository, target: Path) -> None:
    """Changes that are not committed, and new files that are not ignored. A nested repository stays outside."""
    assert one.path is not None
    words = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
    done = own.run(*LOOKING, "-C", str(one.path), *words, timeout_s=CLONE_TIMEOUT_S)
    if done.code != 0:
        facts = tuple(done.stderr.decode("utf-8", "replace").splitlines()[-6:])
        raise BottleError("Your uncommitted changes could not be listed.", facts=facts, next="Use --mode copy.")
    names = [os.fsdecode(row[3:]) for row in done.stdout.split(b"\0") if len(row) > 3 and not row.endswith(b"/")]
    if len(names) > CARRY_LIMIT:
        raise BottleError(
            "There are too many uncommitted files to carry over.",
            facts=(f"{len(names):,} in {one.path}",),
            next="Commit them, or name them in .gitignore, or use --mode copy.",
        )
    for name in names:
        _carry(one.path / name, target / name)


def _carry(source: Path, target: Path) -> None:
    if not source.is_symlink() and not source.is_file():
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def check(folder: Path) -> None:
    """CannotRunHere where there is no repository to clone."""
    from bot_bottle.gates.git_gate.plan import is_repository

    if not is_repository(folder):
        raise CannotRunHere(
            "Mode clone needs a git repository.",
            facts=(f"{folder} is not the top of one.",),
            next="Use --mode copy, or go to the repository's top folder.",
        )
