"""The smolmachines backend: a machine with its own kernel and no network card, on the engine of PyPI's `smolmachines`."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bot_bottle.backends.base import Backend, BundleLink, RunningBottle, Unusable, Usable
from bot_bottle.backends.guest_programs import why_no_programs
from bot_bottle.backends.smolmachines.engine import Engine, find_engine, ready_engine
from bot_bottle.backends.smolmachines.image import find_image
from bot_bottle.backends.smolmachines.journal import noted, strike
from bot_bottle.backends.smolmachines.launch import launch, remove_machine
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan
from bot_bottle.backends.smolmachines.prepare import engine_plan, prepare
from bot_bottle.backends.smolmachines.trial import why_no_machine
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import run
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import ReadyImage, WantedImage

KVM = Path("/dev/kvm")


class Smolmachines(Backend):
    """See the module. Which engine was found is remembered: the plan depends on it."""

    name = "smolmachines"
    uses_images = True
    own_kernel = True

    def __init__(self) -> None:
        self._found: Engine | Unusable | None = None

    def survey(self) -> Usable | Unusable:
        """Whether an engine is here, and a processor that it can use."""
        engine = self._engine()
        if isinstance(engine, Unusable):
            return engine
        if (why := why_no_kvm(KVM)) is not None:
            return why
        if (missing := why_no_programs()) is not None:
            return Unusable(why=missing, next="Install a compiler: pip install ziglang")
        try:
            ready_engine(engine)
            failed = why_no_machine(engine_plan(engine, host=os.environ), run=run)
        except CannotRunHere as error:
            return Unusable(why=error.what, facts=error.facts, next=error.next)
        if failed is not None:
            return failed
        return Usable(facts=(f"smolvm {engine.version}", "tried out: a machine came up", "machines have no network card"))

    def ready_image(self, wanted: WantedImage, *, make: bool, say: Callable[[str], None]) -> ReadyImage | None:
        """The archive or the folder that the machine's file system is made from."""
        return find_image(wanted, make=make, say=say)

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide the machine."""
        engine = self._engine()
        if isinstance(engine, Unusable):
            raise CannotRunHere(
                f"The smolmachines backend does not work here: {engine.why}", facts=engine.facts, next=engine.next
            )
        return prepare(shared, engine, host=os.environ)

    def clean(self, stage_dir: Path) -> None:
        """A machine that a killed keeper left; asks no engine where there was none."""
        left = noted(stage_dir)
        if left is not None:
            remove_machine(left.name, argv=left.argv, env=dict(left.env), run=run)
            strike(stage_dir)

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out."""
        assert isinstance(plan, SmolmachinesBottlePlan)
        return launch(plan, link)

    def _engine(self) -> Engine | Unusable:
        if self._found is None:
            self._found = find_engine(os.environ)
        return self._found


def why_no_kvm(device: Path) -> Unusable | None:
    """Whether we may open the kernel's virtual machines; opening makes none."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        facts = (f"there is no {device}",)
        advice = "Load the module: modprobe kvm_intel (or kvm_amd). In a virtual machine its host must allow nesting."
        return Unusable(why="this machine offers no virtual machines.", facts=facts, next=advice)
    except OSError as error:
        advice = "Become a member of its group: sudo usermod -aG kvm $USER, then log in again."
        return Unusable(why=f"{device} may not be opened.", facts=(str(error.strerror),), next=advice)
    return None
