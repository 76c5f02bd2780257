"""`--backend auto` takes the strongest that works, says why, and remembers; nobody's wish is the embedded default's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot_bottle.backends.base import Unusable, Usable
from bot_bottle.backends.fake.backend import Fake
from bot_bottle.bottles import choose as module
from bot_bottle.bottles.choose import STRONGEST_FIRST, choose, forget
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.spec import BackendName, BottleSpec, Image, Workspace

World = dict[str, str]
"""Backend → why it does not work; empty when it does."""


class Stub(Fake):
    def __init__(self, name: str, world: World, asked: list[str]) -> None:
        super().__init__()
        self.name = name
        self.uses_images = name != "namespaces"
        self._world, self._asked = world, asked

    def survey(self) -> Usable | Unusable:  # type: ignore[override]  # the fake always works
        self._asked.append(self.name)
        why = self._world[self.name]
        return Unusable(why=why) if why else Usable()


def spec(backend: BackendName = "auto", *, said: bool = True, image: Image | None = None) -> BottleSpec:
    by = (("backend", "typed"),) if said else ()
    return BottleSpec(agent="shell", backend=backend, workspace=Workspace(path=Path("/w")), decided_by=by, image=image)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[World, list[str]]:
    """Every backend there is, all of them working; and who was asked."""
    here: World = dict.fromkeys(("namespaces", "gvisor", "docker", "smolmachines"), "")
    asked: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "BACKENDS", dict.fromkeys(here, "x:y"))
    monkeypatch.setattr(module, "find_backend", lambda name: Stub(name, here, asked))
    monkeypatch.setattr(module, "backends", lambda: (Stub(name, here, asked) for name in here))
    return here, asked


def test_auto_takes_the_strongest(world: tuple[World, list[str]]) -> None:
    assert choose(spec()).backend.name == "smolmachines"


def test_the_preflight_names_what_is_stronger_and_why_it_is_not_taken(world: tuple[World, list[str]]) -> None:
    world[0]["smolmachines"] = "there is no KVM here."
    chosen = choose(spec())
    assert chosen.backend.name == "gvisor"
    assert chosen.line is not None
    assert chosen.line.why == "the strongest that works here; smolmachines does not work: there is no KVM here"


def test_the_next_start_asks_only_the_one_that_was_chosen(world: tuple[World, list[str]]) -> None:
    here, asked = world
    here["smolmachines"] = "no KVM"
    first = choose(spec())
    asked.clear()
    again = choose(spec())
    assert asked == ["gvisor"]
    assert (again.backend.name, again.line) == (first.backend.name, first.line)


def test_a_remembered_backend_that_works_no_more_is_replaced(world: tuple[World, list[str]]) -> None:
    choose(spec())
    world[0]["smolmachines"] = "KVM is gone"
    assert choose(spec()).backend.name == "gvisor"


def forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget()


def a_day_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"at": 0.0}))


def broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{")


def of_another_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chosen": "kubernetes"}))


def another_runsc(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_BOTTLE_RUNSC", "/new/runsc")


@pytest.mark.parametrize("event", [forgotten, a_day_later, broken, of_another_version, another_runsc])
def test_what_may_have_changed_is_looked_at_anew(
    world: tuple[World, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    event: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    world[0]["smolmachines"] = "no KVM"
    choose(spec())
    world[0]["smolmachines"] = ""
    event(tmp_path / "bot-bottle" / "auto.json", monkeypatch)
    assert choose(spec()).backend.name == "smolmachines"


def test_nobodys_wish_is_the_embedded_default_and_asks_no_engine(world: tuple[World, list[str]]) -> None:
    chosen = choose(spec(said=False))
    assert (chosen.backend.name, chosen.line, world[1]) == ("namespaces", None, ["namespaces"])


def test_a_named_backend_is_that_one_or_an_error(world: tuple[World, list[str]]) -> None:
    assert choose(spec("docker")).backend.name == "docker"
    world[0]["docker"] = "no daemon"
    with pytest.raises(CannotRunHere):
        choose(spec("docker"))


def test_an_image_leaves_out_who_cannot_run_one(world: tuple[World, list[str]]) -> None:
    world[0].update(smolmachines="no", gvisor="no", docker="no")
    with pytest.raises(CannotRunHere) as caught:
        choose(spec(image=Image()))
    assert [fact.partition(":")[0] for fact in caught.value.facts] == ["smolmachines", "gvisor", "docker"]


def test_every_backend_of_this_version_has_its_place() -> None:
    assert set(AVAILABLE.backends) - {"auto"} <= set(STRONGEST_FIRST)
