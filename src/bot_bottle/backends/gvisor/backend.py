"""The gVisor backend: a kernel of the bottle's own, in user space. No root, no daemon, no KVM; only the program runsc."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bot_bottle.backends.base import Backend, BundleLink, RunningBottle, Unusable, Usable
from bot_bottle.backends.groups import remove_groups
from bot_bottle.backends.gvisor.launch import GROUPS, forget, launch
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.gvisor.prepare import prepare
from bot_bottle.backends.gvisor.survey import survey
from bot_bottle.backends.placeholders import remove_left
from bot_bottle.host.processes import end_those
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import ReadyImage, WantedImage


class Gvisor(Backend):
    """See the module."""

    name = "gvisor"
    uses_images = True
    own_kernel = True

    def survey(self) -> Usable | Unusable:
        """Whether it works here."""
        return survey()

    def ready_image(self, wanted: WantedImage, *, make: bool, say: Callable[[str], None]) -> ReadyImage | None:
        """The image as a folder; None, which is this machine's own system folders, when none was asked for."""
        if wanted.image is None:
            return None
        from bot_bottle.backends.images.docker import own_docker
        from bot_bottle.backends.images.folder import ready_folder

        return ready_folder(wanted, own_docker(os.environ) if shutil.which("docker") else None, make=make, say=say)

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide every mount, flag and limit."""
        return prepare(shared)

    def clean(self, stage_dir: Path) -> None:
        """A runsc that outlived its keeper and what it noted, placeholders in the operator's workspace, and control groups."""
        end_those("runsc", with_word=f"--root={stage_dir}/backend/state")
        forget(stage_dir / "backend")
        remove_left(stage_dir)
        remove_groups(stage_dir / "backend" / GROUPS)

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out."""
        assert isinstance(plan, GvisorPlan)
        return launch(plan, link)
