"""Who works on a clone where nobody says otherwise."""

from pathlib import Path

import pytest

from bot_bottle.bottles.start import in_default_mode
from bot_bottle.manifest.spec import AgentName, BottleSpec, Mount, Workspace


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What a repository with a commit looks like."""
    (tmp_path / ".git/refs/heads").mkdir(parents=True)
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git/refs/heads/main").write_text("a" * 40 + "\n")
    return tmp_path


def spec(folder: Path, *, agent: AgentName = "claude", mounts: tuple[Mount, ...] = (), said: bool = False) -> BottleSpec:
    decided = (("workspace.mode", "--mode"),) if said else ()
    return BottleSpec(agent=agent, backend="namespaces", workspace=Workspace(path=folder), mounts=mounts, decided_by=decided)


def test_an_agent_in_a_repository_works_on_a_clone(repository: Path) -> None:
    made = in_default_mode(spec(repository))
    assert made.workspace.mode == "clone"
    assert dict(made.decided_by)["workspace.mode"] == "a git repository"


def test_what_was_said_holds(repository: Path) -> None:
    assert in_default_mode(spec(repository, said=True)).workspace.mode == "copy"


def test_a_shell_works_on_a_copy(repository: Path) -> None:
    assert in_default_mode(spec(repository, agent="shell")).workspace.mode == "copy"


def test_a_folder_without_a_repository_is_copied(tmp_path: Path) -> None:
    assert in_default_mode(spec(tmp_path)).workspace.mode == "copy"


def test_a_repository_without_a_commit_is_copied(repository: Path) -> None:
    (repository / ".git/refs/heads/main").unlink()
    assert in_default_mode(spec(repository)).workspace.mode == "copy"


def test_a_repository_that_the_bottle_can_write_to_is_copied(repository: Path) -> None:
    mount = Mount(host_path=repository / "data", guest_path="/data", writable=True)
    assert in_default_mode(spec(repository, mounts=(mount,))).workspace.mode == "copy"


def test_a_part_of_a_repository_is_copied(repository: Path) -> None:
    (repository / "part").mkdir()
    assert in_default_mode(spec(repository / "part")).workspace.mode == "copy"
