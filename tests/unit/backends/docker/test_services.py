"""What is decided about services before docker is asked: where they are, what they may, what is waited for."""

from pathlib import Path

import pytest
from plans import shared_plan

from bot_bottle.backends.docker.client import Daemon
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.backends.docker.prepare import prepare
from bot_bottle.backends.docker.services import ports_of, service_words
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import Image, Service
from bot_bottle.plans.image import DockerImage, ImageToMake, ReadyImage, ServiceImage
from bot_bottle.record import replace

DB = Service(name="db", image="postgres:16", env=(("POSTGRES_PASSWORD", "local"),), memory=2 * 1024**3)
THERE = DockerImage(
    reference="sha256:abc", origin="base", services=(ServiceImage(name="db", identity="sha256:def", ports=(5432,)),)
)


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot_bottle.backends.docker.prepare.built_portal", lambda: Path("/opt/portal"))


def planned(tmp_path: Path, *, image: ReadyImage = THERE, asked: Image | None = None) -> DockerPlan:
    shared = shared_plan(tmp_path / "one")
    shared = replace(shared, image=image, spec=replace(shared.spec, services=(DB,), image=asked))
    daemon = Daemon(
        version="20.10.24", system="Debian", kernel="6.1", cgroups="2", security=("name=seccomp",), runtimes=("runc",)
    )
    endpoint = Endpoint(words=("--host", "unix:///x"), address="unix:///x", chosen_by="default")
    return prepare(shared, endpoint=endpoint, daemon=daemon)


def test_a_service_runs_by_its_images_identity_in_the_bottles_network_namespace(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    words = service_words(plan, plan.services[0])
    assert words[words.index("--network") + 1] == f"container:{plan.container}"
    assert words[-1] == "sha256:def"
    assert words[words.index("--memory") + 1] == str(2 * 1024**3)
    assert "POSTGRES_PASSWORD=local" in words


def test_a_service_gets_five_rights_no_mount_and_no_port_of_this_machine(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    words = service_words(plan, plan.services[0])
    added = {words[index + 1] for index, word in enumerate(words) if word == "--cap-add"}
    assert added == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert "no-new-privileges" in words
    assert not {"--mount", "--volume", "-v", "--publish", "-p", "--privileged", "--device", "--add-host"} & set(words)


def test_the_agent_finds_it_by_name_on_the_loopback(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    hosts = (plan.stage_dir / "backend" / "hosts").read_text().splitlines()
    assert hosts[0].split() == ["127.0.0.1", "localhost", plan.hostname, "db"]


def test_before_its_image_is_here_it_is_planned_by_its_reference(tmp_path: Path) -> None:
    plan = planned(tmp_path, image=ImageToMake(origin="postgres:16", how="fetched"))
    assert (plan.services[0].image, plan.services[0].ports) == ("postgres:16", ())


@pytest.mark.parametrize("runtime", ["runsc", "kata"])
def test_a_runtime_with_a_loopback_of_its_own_is_refused(runtime: str, tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match=runtime):
        planned(tmp_path, asked=Image(runtime=runtime))  # type: ignore[arg-type]  # one of the runtimes


@pytest.mark.parametrize(
    ("said", "exposed", "expected"),
    [(None, (5432,), (5432,)), (None, (), ()), (None, (4369, 5672), ()), (5672, (4369, 5672), (5672,)), (8000, (), (8000,))],
)
def test_what_is_waited_for(said: int | None, exposed: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert ports_of(replace(DB, port=said), exposed) == expected
