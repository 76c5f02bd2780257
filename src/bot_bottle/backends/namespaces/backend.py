"""The namespaces backend: sealed by the kernel's namespaces through bubblewrap. No root, no daemon, no image."""

import time
from contextlib import AbstractContextManager
from pathlib import Path

from bot_bottle.backends.base import Backend, BundleLink, RunningBottle, Unusable, Usable
from bot_bottle.backends.groups import remove_groups
from bot_bottle.backends.namespaces.launch import GROUPS, launch
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.backends.namespaces.prepare import prepare
from bot_bottle.backends.namespaces.survey import survey
from bot_bottle.backends.placeholders import remove_left
from bot_bottle.host.processes import end_those
from bot_bottle.plans.bottle import BottlePlan

SETTLES_S = 0.3
"""A process needs some milliseconds from its fork to its argv, on a busy machine a hundred."""


class Namespaces(Backend):
    """See the module."""

    name = "namespaces"

    def survey(self) -> Usable | Unusable:
        """Whether it works here."""
        return survey()

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide every mount, filter and limit."""
        return prepare(shared)

    def clean(self, stage_dir: Path) -> None:
        """A half-made bubblewrap, placeholders in the operator's workspace, and control groups.

        bubblewrap 0.8 leaves its inner half waiting for ever when its outer half is killed between making the user namespace
        and mapping its ids; its argv names the bottle's own /etc. One that was only about to become bubblewrap when its keeper
        was killed is not called so yet: so we look for a while.
        """
        until = time.monotonic() + SETTLES_S
        while time.monotonic() < until:
            end_those("bwrap", with_word=str(stage_dir / "backend" / "etc"))
            time.sleep(0.02)
        remove_left(stage_dir)
        remove_groups(stage_dir / "backend" / GROUPS)

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out."""
        assert isinstance(plan, NamespacesPlan)
        return launch(plan, link)
