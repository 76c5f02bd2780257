"""The real Claude Code clones, edits, commits and pushes through the git gate, and what authenticates it stays on the host."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import standin
from forge import PASSWORD, Forge, git, head
from scene import Stage
from test_agents import SEARCH

from bot_bottle.agents.endpoint import PLACEHOLDER


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path / "forge")
    yield made
    made.close()


def manifest(stage: Stage, forge: Forge) -> Path:
    """The operator's repository and one on the forge, whose password is a credential."""
    connect = {f"{host}:443": stage.model.address for host in standin.HOSTS}
    roots = stage.folder / "roots.pem"
    roots.write_text(Path(stage.model.ca_file).read_text() + forge.ca.read_text())
    roots.chmod(0o644)
    text = {
        "agent": "claude",
        "egress": {"upstream": {"connect": connect, "ca": [str(roots)]}},
        "credentials": [
            {"name": "forge", "from": {"env": "FORGE_PASSWORD"}, "to": {"host": "127.0.0.1", "basic": {"user": "x-access-token"}}}
        ],
        "git": {"upstreams": [{"path": str(stage.repository)}, {"url": forge.url("team/repo"), "credential": "forge"}]},
    }
    path = stage.folder / "bottle.yaml"
    path.write_text(json.dumps(text))
    path.chmod(0o644)
    return path


def work(port: int) -> list[standin.Step]:
    """Two repositories: the one it stands in, and one that it clones by the address that people paste."""
    search = SEARCH.format(
        start=PASSWORD[:8].encode(),
        length=len(PASSWORD),
        digest=hashlib.sha256(PASSWORD.encode()).hexdigest(),
        known=PLACEHOLDER.encode(),
    )
    author = "-c user.name=Claude -c user.email=claude@example.com"
    return [
        {"say": "I look around.", "run": "pwd && git remote -v && git log --oneline"},
        {"read": "receipt.py"},
        {
            "edit": "receipt.py",
            "old": "    return [total_cents // people] * people\n",
            "new": "    share, rest = divmod(total_cents, people)\n    return [share + (n < rest) for n in range(people)]\n",
        },
        {"run": f"git {author} commit -qam 'Share every cent' && git push origin HEAD 2>&1"},
        {"run": f"git clone git@127.0.0.1:team/repo.git ~/repo 2>&1; git clone https://127.0.0.1:{port}/team/repo ~/again 2>&1"},
        {"run": f"cd ~/repo && echo more >> README.md && git {author} commit -qam 'Say more' && git push origin HEAD:topic 2>&1"},
        {"run": "git clone https://git.example.com/other/thing 2>&1; echo ended $?"},
        {"run": search},
        {"say": "Both are pushed."},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["as whoever runs the tests"], indirect=True)
def test_a_real_agent_pushes_to_both_upstreams_and_never_holds_the_password(
    stage: Callable[[list[standin.Step]], Stage], forge: Forge
) -> None:
    bare = forge.repository("team/repo")
    scene = stage(work(forge.port))
    before = head(scene.repository)
    options = ("-q", "-f", str(manifest(scene, forge)), "-w", str(scene.repository), "--mode", "clone", "--name", "e2e")
    variables = {"ANTHROPIC_API_KEY": scene.key, "FORGE_PASSWORD": PASSWORD}
    run = scene.operator.bot_bottle("run", "claude", *options, "--", "-p", "Fix it and push.", **variables)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Both are pushed." in run.stdout
    calls = [seen for seen in scene.model.seen if seen.path.partition("?")[0] == "/v1/messages"]
    looked, _, _, pushed, cloned, other, refused, searched = max((standin.claude_results(one.body) for one in calls), key=len)
    assert "127.0.0.1:3129" in looked, looked
    assert "bottle/e2e/" in pushed, pushed
    assert "fatal" not in cloned, cloned
    assert "topic -> bottle/e2e/topic" in other.replace("HEAD", "topic"), other
    assert "ask the operator" in refused, refused
    assert "SEARCHED True PLACEHOLDER True KEY []" in searched, searched
    safe = ("-c", f"safe.directory={scene.repository}")
    found = git(*safe, "log", "--format=%s", "bottle/e2e/main", at=scene.repository).stdout
    assert found.splitlines()[0] == "Share every cent"
    assert git(*safe, "rev-parse", "HEAD", at=scene.repository).stdout.strip() == before or not before
    assert git("log", "-1", "--format=%s", "bottle/e2e/topic", at=bare).stdout == "Say more\n"
    check_nowhere(scene)


def check_nowhere(scene: Stage) -> None:
    """No file of the operator's holds the password."""
    for top in (scene.operator.home, scene.repository):
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 50_000_000:
                assert PASSWORD.encode() not in path.read_bytes(), path
