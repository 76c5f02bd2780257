"""What runs beside the agent: each service in a container of its own that joins the bottle's network namespace, as in a pod.

There is no network between them but the bottle's own loopback. So nothing has an address of the host's, no name is resolved
outside, and the agent's containment is the service's too. The agent is hostile to the services and may take them over; then it
has what it had: the same loopback, and one more file system without anything of the host's in it.
"""

import json
import os
import time

from bot_bottle.backends.base import RunningBottle
from bot_bottle.backends.docker.client import PROXY_VARIABLES, SERVICE_LABEL, docker, explain, limit_words, shown
from bot_bottle.backends.docker.plan import ContainerLimits, DockerPlan, ServicePlan
from bot_bottle.errors import BottleError
from bot_bottle.host.run import Finished, run
from bot_bottle.manifest.spec import Service
from bot_bottle.plans.gate import Line
from bot_bottle.plans.image import DockerImage, ReadyImage

READY_TIMEOUT_S = 90.0
"""From its start to its port: a database that makes its files first takes some seconds, on a busy machine ten times that."""

START_TIMEOUT_S = 60.0
PAUSE_S = 0.05
PROCESSES = 1024
LOG_LINES = 8

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What images of databases need to begin as root and go on as a user of their own; none of it is about networks or the kernel."""


def plan_services(services: tuple[Service, ...], image: ReadyImage | None, *, bottle: str) -> tuple[ServicePlan, ...]:
    """Each service's container. Before its image is here, it is planned by its reference. Pure."""
    there = {one.name: one for one in image.services} if isinstance(image, DockerImage) else {}
    return tuple(
        ServicePlan(
            name=service.name,
            container=f"{bottle}-{service.name}",
            image=there[service.name].identity if service.name in there else service.image,
            origin=service.image,
            env=service.env,
            command=service.command,
            ports=ports_of(service, there[service.name].ports if service.name in there else ()),
            limits=ContainerLimits(cpus=service.cpus, memory=service.memory, pids=PROCESSES),
        )
        for service in services
    )


def ports_of(service: Service, exposed: tuple[int, ...]) -> tuple[int, ...]:
    """What to wait for: the port that was said, or the only one that the image exposes. Pure."""
    if service.port is not None:
        return (service.port,)
    return exposed if len(exposed) == 1 else ()


def describe(services: tuple[ServicePlan, ...]) -> tuple[Line, ...]:
    """The preflight's lines. Pure."""
    return tuple(
        Line(
            label="service",
            text=f"{one.name}: {one.origin}, on the bottle's own loopback"
            + (f", as {one.name}:{one.ports[0]}" if one.ports else ""),
            why="its data ends with the bottle",
        )
        for one in services
    )


def service_words(plan: DockerPlan, service: ServicePlan) -> tuple[str, ...]:
    """The arguments of docker that start it. Pure."""
    words = ["run", "--detach", "--pull", "never", "--name", service.container, "--network", f"container:{plan.container}"]
    for name, value in (*plan.labels, (SERVICE_LABEL, service.name)):
        words += ["--label", f"{name}={value}"]
    words += ["--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        words += ["--cap-add", capability]
    words += ["--security-opt", "no-new-privileges", "--ipc", "private", "--cgroupns", "private", "--pid", ""]
    words += ["--restart", "no", "--no-healthcheck", "--log-driver", "json-file", "--log-opt", "max-size=1m"]
    words += ["--userns", "host"] if plan.host_user_namespace else []
    words += limit_words(service.limits)
    for variable in PROXY_VARIABLES:
        words += ["--env", f"{variable}="]
    for name, value in service.env:
        words += ["--env", f"{name}={value}"]
    return (*words, service.image, *service.command)


def start_services(plan: DockerPlan, bottle: RunningBottle) -> None:
    """Start all, then wait for all. BottleError names the one that did not come up, with its last words."""
    for service in plan.services:
        ended = ask(plan, *service_words(plan, service), timeout_s=START_TIMEOUT_S)
        if ended.code != 0:
            why = explain(ended.stderr.decode(errors="replace"), image=service.origin)
            raise BottleError(f"The service {service.name} could not be started: {why.what}", facts=why.facts, next=why.next)
    for service in plan.services:
        check_namespace(plan, service)
    deadline = time.monotonic() + READY_TIMEOUT_S
    for service in plan.services:
        wait_for(plan, service, bottle, deadline=deadline)


def check_namespace(plan: DockerPlan, service: ServicePlan) -> None:
    """It is where it should be: the daemon says so of this very container. Else there would be a network that nobody proved."""
    said = state_of(plan, plan.container)
    mode = state_of(plan, service.container).get("HostConfig", {}).get("NetworkMode", "")
    if mode != f"container:{said.get('Id', '')}":
        raise BottleError(
            f"The service {service.name} is not on the bottle's loopback, so nothing was run.", facts=(shown(str(mode)),)
        )


def wait_for(plan: DockerPlan, service: ServicePlan, bottle: RunningBottle, *, deadline: float) -> None:
    """Until each of its ports answers inside."""
    for port in service.ports:
        while not answers(bottle, port):
            if not state_of(plan, service.container).get("State", {}).get("Running"):
                raise down(plan, service, "it ended")
            if time.monotonic() > deadline:
                raise down(plan, service, f"it does not listen on port {port} after {READY_TIMEOUT_S:g} s")
            time.sleep(PAUSE_S)


def answers(bottle: RunningBottle, port: int) -> bool:
    """Whether something inside listens there."""
    asked = [{"id": "service", "try": "tcp", "closed": [], "host": "127.0.0.1", "port": port}]
    return bottle.probe(asked, timeout_s=START_TIMEOUT_S)[0].get("outcome") == "reached"


def down(plan: DockerPlan, service: ServicePlan, why: str) -> BottleError:
    """The error, with the service's last words."""
    log = ask(plan, "logs", "--tail", str(LOG_LINES), service.container)
    lines = (log.stdout + log.stderr).decode(errors="replace").splitlines()
    return BottleError(
        f"The service {service.name} did not come up: {why}.",
        facts=tuple(shown(line) for line in lines if line.strip())[-LOG_LINES:],
        next=f"Look at `services.{service.name}` in the manifest: its image, its environment and its port.",
    )


def state_of(plan: DockerPlan, container: str) -> dict[str, dict[str, object]]:
    """What the daemon says of a container; nothing when it has none of this name."""
    ended = ask(plan, "container", "inspect", "--format", "{{json .}}", container)
    try:
        said = json.loads(ended.stdout)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def ask(plan: DockerPlan, *words: str, timeout_s: float = 20.0) -> Finished:
    """One docker command to the bottle's daemon."""
    return docker(plan.docker, *words, run=run, host=os.environ, timeout_s=timeout_s)
