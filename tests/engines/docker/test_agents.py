"""The real Claude Code and the real Codex work in a container, as they do on namespaces, and never hold the key."""

import json
import os
import secrets
import subprocess
from pathlib import Path

import pytest
import standin
from docker_shop import DockerShop
from scene import git_repository
from test_agents import CLIENTS, Client

from bot_bottle.agents.registry import provider
from bot_bottle.host.paths import cache_dir


@pytest.fixture(scope="module")
def agents() -> Path:
    """The cache with both agents; that of whoever runs the tests."""
    for name in ("claude", "codex"):
        provider(name).install(cache_dir())
    return cache_dir()


def work(key: str) -> list[standin.Step]:
    everywhere = "cat /proc/*/environ /run/bot-bottle/* 2>/dev/null"
    search = f"echo KEYS: $({everywhere} | command grep -c {key[8:20]}) and $(env | command grep -c API_KEY)"
    return [
        {"say": "I look around.", "run": "pwd && git log --oneline && id -u"},
        {"read": "receipt.py"},
        {
            "edit": "receipt.py",
            "old": "    return [total_cents // people] * people\n",
            "new": "    share, rest = divmod(total_cents, people)\n    return [share + (n < rest) for n in range(people)]\n",
        },
        {"run": "python3 -m unittest 2>&1 | tail -3"},
        {"run": "curl -sS --max-time 20 https://forum.example.com/ || echo curl said $?"},
        {"run": search},
        {"say": "All four tests pass."},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_real_agent_works_in_a_container(client: Client, shop: DockerShop, agents: Path, tmp_path: Path) -> None:
    key = f"e2e-key-{secrets.token_hex(16)}"
    repository = git_repository(tmp_path / "receipt")
    with standin.standing_in(work(key), tmp_path) as model:
        connect = {f"{host}:443": model.address for host in standin.HOSTS}
        manifest = tmp_path / "bottle.yaml"
        egress = {"upstream": {"connect": connect, "ca": [str(model.ca_file)]}}
        manifest.write_text(json.dumps({"version": 1, "agent": client.name, "prompt": "STAY-IN-CHARACTER.", "egress": egress}))
        words = shop.argv("run", "-q", "--backend", "docker", "--image", shop.image, "-f", str(manifest), "-w", str(repository))
        env = shop.env(XDG_CACHE_HOME=str(agents.parent), **{client.variable: key})
        options = ("--mode", "copy", "--name", "e2e", client.name, "--", *client.args)
        run = subprocess.run(
            [*words, *options], env=env, capture_output=True, text=True, timeout=240, check=False, cwd=shop.project
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert "All four tests pass." in run.stdout
        calls = [seen for seen in model.seen if seen.path.partition("?")[0] == client.path]
        results = max((client.results(seen.body) for seen in calls), key=len)
    looked, _, _, tested, denied, searched = results
    assert "Begin" in looked
    assert str(1000 if os.getuid() == 0 else os.getuid()) in looked.split()
    assert "OK" in tested, tested
    assert "forum.example.com" in denied, denied
    assert "KEYS: 0 and " in searched, searched
    assert {seen.headers.get(client.header) for seen in calls} == {client.format.format(key)}
    assert any("STAY-IN-CHARACTER" in json.dumps(seen.body) for seen in calls)
    assert "divmod" not in (repository / "receipt.py").read_text()
    landed = shop.bot_bottle("land", "e2e")
    assert landed.returncode == 0, landed.stderr
    assert "divmod" in (repository / "receipt.py").read_text()
