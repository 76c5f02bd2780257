"""The docker backend: a container without a network, on the operator's own daemon."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bot_bottle.backends.base import KEPT, Backend, BundleLink, RunningBottle, Unusable, Usable
from bot_bottle.backends.docker.client import Daemon, client_env
from bot_bottle.backends.docker.endpoint import Endpoint, find_endpoint, own_home
from bot_bottle.backends.docker.launch import clean, launch
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.backends.docker.prepare import prepare
from bot_bottle.backends.docker.survey import facts_of, find_daemon
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import run
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import ReadyImage, WantedImage


class Docker(Backend):
    """See the module. What the daemon said is remembered: the plan depends on it."""

    name = "docker"
    uses_images = True
    runs_services = True

    def __init__(self) -> None:
        self._found: tuple[Endpoint, Daemon | Unusable] | None = None

    def survey(self) -> Usable | Unusable:
        """Whether a daemon answers that can make bottles for this machine."""
        endpoint, daemon = self._ask()
        return daemon if isinstance(daemon, Unusable) else Usable(facts=facts_of(daemon, endpoint))

    def ready_image(self, wanted: WantedImage, *, make: bool, say: Callable[[str], None]) -> ReadyImage | None:
        """The image by its id, built, fetched or loaded first where the daemon lacks it."""
        from bot_bottle.backends.images import docker, ready

        endpoint, daemon = self._found or self._ask()
        if isinstance(daemon, Unusable):
            return None
        there = docker.Docker(words=("docker", *endpoint.words), env=client_env(os.environ), socket=endpoint.socket)
        return ready.ready_docker(wanted, there, make=make, say=say)

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide the container."""
        endpoint, daemon = self._found or self._ask()
        if isinstance(daemon, Unusable):
            raise CannotRunHere(f"The docker backend does not work here: {daemon.why}", facts=daemon.facts, next=daemon.next)
        return prepare(shared, endpoint=endpoint, daemon=daemon)

    def clean(self, stage_dir: Path) -> None:
        """A container that a killed keeper left; asks no daemon where there was none."""
        clean(stage_dir)

    def forget(self, stage_dir: Path) -> None:
        """The image that has what a stopped bottle changed; asks no daemon where there is none."""
        if (stage_dir / KEPT).exists():
            from bot_bottle.backends.docker import kept

            kept.forget(stage_dir)

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out."""
        assert isinstance(plan, DockerPlan)
        return launch(plan, link)

    def _ask(self) -> tuple[Endpoint, Daemon | Unusable]:
        endpoint = find_endpoint(os.environ, home=own_home())
        self._found = (endpoint, find_daemon(endpoint, run=run, host=os.environ))
        return self._found
