"""An image is never ignored: a backend that has no use for one refuses the bottle by name."""

from pathlib import Path

import pytest

from bot_bottle.agents.registry import providers
from bot_bottle.bottles.choose import named
from bot_bottle.bottles.prepare import guest_env
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import BackendName, BottleSpec, FromReference, Image, Workspace
from bot_bottle.plans.bottle import AgentProvision, PromptMode


@pytest.mark.parametrize("backend", ["namespaces", "fake"])
def test_a_backend_without_images_refuses_one(backend: BackendName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_BOTTLE_TEST_BACKENDS", "1")
    image = Image(source=FromReference(reference="debian:bookworm"))
    asked = BottleSpec(
        agent="shell",
        backend=backend,
        workspace=Workspace(path=Path("/nowhere")),
        image=image,
        decided_by=(("image", "bottle.yaml:3"),),
    )
    with pytest.raises(CannotRunHere) as caught:
        named(asked)
    assert backend in caught.value.what
    assert "bottle.yaml:3" in caught.value.facts[0]


def test_an_images_path_stands_and_the_rest_of_its_environment_yields() -> None:
    provision = AgentProvision(
        provider="shell", version="", command=("sh",), prompt_mode=PromptMode.NONE, env=(("FROM_AGENT", "1"),)
    )
    asked = BottleSpec(agent="shell", backend="docker", workspace=Workspace(path=Path("/nowhere")), env=(("LANG", "de_DE"),))
    said = (
        ("FROM_AGENT", "0"),
        ("HOME", "/root"),
        ("HTTPS_PROXY", "http://evil"),
        ("LANG", "C"),
        ("OWN", "x"),
        ("PATH", "/cargo"),
    )
    env = dict(guest_env(asked, "b", provision, terminal="", preset_env=(), image_env=said))
    assert (env["PATH"], env["OWN"]) == ("/cargo", "x")
    assert (env["HOME"], env["LANG"], env["FROM_AGENT"]) == ("/home/agent", "de_DE", "1")
    assert env["HTTPS_PROXY"] == "http://127.0.0.1:3128"


def test_every_agent_has_a_dockerfile_whose_base_is_an_argument() -> None:
    for agent in providers():
        lines = agent.dockerfile().read_text().splitlines()
        assert any(line.startswith("ARG BASE=") for line in lines)
        assert "FROM ${BASE}" in lines
