"""Mode clone: a fresh clone of the operator's repository, made before anything runs in the bottle, and never touched by us again.

Git runs here with our settings only: no hooks, no filters, no templates. What comes over is what branches and tags lead to, as
over a network: no object of the operator's is shared with the bottle, and none that no branch leads to.
"""

from pathlib import Path

from bot_bottle.bottles.unpushed import remember
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.gates.git_gate.inside import gate_url
from bot_bottle.gates.git_gate.plan import GitGatePlan, Repository
from bot_bottle.gates.git_gate.runner import Git, make_git, only_own
from bot_bottle.host.files import make_private_folder
from bot_bottle.plans.bottle import BottlePlan

CLONE_TIMEOUT_S = 600.0


def fill(plan: BottlePlan) -> None:
    """Clone into the bottle's workspace. BottleError with git's words when it fails."""
    gate = plan.git_gate_plan
    assert isinstance(gate, GitGatePlan)  # mode clone plans one
    one = next(one for one in gate.repositories if one.path == plan.spec.workspace.path)
    git = operator_git(gate.git, make_private_folder(gate.folder), one)
    _clone(git, one, plan.workspace_dir)
    plan.workspace_dir.chmod(0o700)
    remember(plan.workspace_dir)


def operator_git(program: str, folder: Path, one: Repository) -> Git:
    """Git that may read this repository of the operator's by its path, and reaches nothing else."""
    assert one.path is not None
    git = make_git(program, folder, safe=(one.path, one.path / ".git"), more=only_own(one.own), name="clone.config")
    return git.with_env(GIT_ALLOW_PROTOCOL="file")


def _clone(git: Git, one: Repository, target: Path) -> None:
    """`insteadOf` in our environment gives the clone the gate as its origin while it is filled from the operator's folder."""
    url = gate_url(one.name)
    author = [(key, value) for key in ("user.name", "user.email") if (value := _setting(git, one, key))]
    keep = [word for key, value in author for word in ("--config", f"{key}={value}")]
    local = git.with_settings([(f"url.{one.path}.insteadOf", url)])
    words = ("clone", "--quiet", "--template=", "--no-recurse-submodules", *keep, "--", url, str(target))
    done = local.run(*words, timeout_s=CLONE_TIMEOUT_S)
    if done.code != 0:
        facts = tuple(done.stderr.decode("utf-8", "replace").splitlines()[-6:])
        raise BottleError("The workspace could not be cloned.", facts=facts, next="Use --mode copy, or repair the repository.")


def _setting(git: Git, one: Repository, key: str) -> str:
    """One of the operator's own settings, as git in that repository would say it."""
    own = git.without("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
    return own.run("-C", str(one.path), "config", "--get", key).stdout.decode("utf-8", "replace").strip()


def check(folder: Path) -> None:
    """CannotRunHere where there is no repository to clone."""
    from bot_bottle.gates.git_gate.plan import is_repository

    if not is_repository(folder):
        raise CannotRunHere(
            "Mode clone needs a git repository.",
            facts=(f"{folder} is not the top of one.",),
            next="Use --mode copy, or go to the repository's top folder.",
        )
