"""The only file that knows the docker command: its words, what it prints, and what its refusals mean.

What the daemon prints may quote an image's or a bottle's own names, so it is shown with control characters escaped.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.backends.docker.endpoint import docker_env
from bot_bottle.backends.docker.plan import ContainerLimits
from bot_bottle.errors import BottleError
from bot_bottle.host.run import Command, Finished, Run, plain_env
from bot_bottle.record import dataclass

OLDEST = (20, 10)
"""The first daemon with private cgroup namespaces on the command line and `--pull never`."""

ASK_TIMEOUT_S = 20.0
END_TIMEOUT_S = 60.0
GUEST = "/run/bot-bottle"
DOOR = f"{GUEST}/door"
DOOR_SOCKET = "portal.sock"

PROXY_VARIABLES = tuple(
    spelt for name in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy") for spelt in (name, name.upper())
)
"""The docker command copies these from its config.json into each container, passwords and all, unless they are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Daemon:
    """What a daemon says of itself (`docker info`)."""

    version: str
    system: str
    kernel: str
    cgroups: str
    security: tuple[str, ...]
    runtimes: tuple[str, ...]
    lacks: tuple[str, ...] = ()

    @property
    def is_rootless(self) -> bool:
        """Whether it runs as an ordinary user, whose own number is 0 in its containers."""
        return any(option.startswith("name=rootless") for option in self.security)

    @property
    def remaps_users(self) -> bool:
        """Whether its containers are in a user namespace unless they ask not to be."""
        return any(option.startswith("name=userns") for option in self.security)

    @property
    def has_seccomp(self) -> bool:
        """Whether it has a system call filter of its own."""
        return any(option.startswith("name=seccomp") for option in self.security)


def docker(
    words: Sequence[str], *arguments: str, run: Run, host: Mapping[str, str], timeout_s: float = ASK_TIMEOUT_S
) -> Finished:
    """Run the docker command to its end. CouldNotRun when it is missing or does not answer."""
    argv = ("docker", *words, *arguments)
    return run(Command(argv=argv, env=client_env(host), timeout_s=timeout_s))


def client_env(host: Mapping[str, str]) -> dict[str, str]:
    """The environment of the docker command."""
    return plain_env(host) | docker_env(host)


INFO = ("info", "--format", "{{json .}}")


def read_info(printed: bytes) -> Daemon | None:
    """The daemon from what `docker info` printed; None when it printed no daemon. Pure."""
    try:
        said = json.loads(printed)
    except ValueError:
        return None
    if not isinstance(said, dict) or not said.get("ServerVersion"):
        return None
    controllers = {"MemoryLimit": "memory", "CpuCfsQuota": "cpu", "PidsLimit": "pids"}
    return Daemon(
        version=str(said["ServerVersion"]),
        system=str(said.get("OperatingSystem", "")),
        kernel=str(said.get("KernelVersion", "")),
        cgroups=str(said.get("CgroupVersion", "")),
        security=tuple(str(option) for option in said.get("SecurityOptions") or ()),
        runtimes=tuple(sorted(said.get("Runtimes") or ())),
        lacks=tuple(name for key, name in controllers.items() if said.get(key) is False),
    )


def refusal(printed: bytes) -> tuple[str, ...]:
    """Why `docker info` reached no daemon: its own list of errors, which it prints as JSON with exit code 0 or 1. Pure."""
    try:
        said: Any = json.loads(printed)  # Any: JSON
    except ValueError:
        return ()
    errors = said.get("ServerErrors") if isinstance(said, dict) else None
    return tuple(shown(str(error)) for error in errors or ())


def is_too_old(version: str) -> bool:
    """Whether this version is below what we need; one that is no number (podman's, a build from source) is not judged. Pure."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and int(numbers[1]) > 10 and (int(numbers[1]), int(numbers[2])) < OLDEST


def limit_words(limits: ContainerLimits) -> list[str]:
    """Memory without swap beyond it, processes, cores; no core dumps."""
    words = ["--ulimit", "core=0"]
    if limits.memory is not None:
        words += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory)]
    if limits.pids is not None:
        words += ["--pids-limit", str(limits.pids)]
    if limits.cpus is not None:
        words += ["--cpus", f"{limits.cpus:g}"]
    return words


STAGE_LABEL = "bot-bottle.stage"
SERVICE_LABEL = "bot-bottle.service"


def list_words(stage: str, label: str = "") -> tuple[str, ...]:
    """The containers of the bottle with this stage dir, running or not. Never by name: a name may be somebody else's."""
    more = ("--filter", f"label={label}") if label else ()
    return ("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={STAGE_LABEL}={stage}", *more)


def remove_words(container: str) -> tuple[str, ...]:
    """Remove a container, running or not, with its anonymous volumes."""
    return ("rm", "--force", "--volumes", container)


def is_gone(ended: Finished) -> bool:
    """Whether after this `docker rm` the container is not there. Pure."""
    return ended.code == 0 or b"No such container" in ended.stderr


def is_going(ended: Finished) -> bool:
    """Whether the daemon was already removing it. Pure."""
    return b"is already in progress" in ended.stderr


def shown(text: str) -> str:
    """One line of the daemon's words for the terminal."""
    return ascii(text.strip())[1:-1][:400]


START_IT = "Start it, or choose another with DOCKER_HOST or a docker context."
BRING_IT = "Bring it with `docker pull`, or name another in the manifest's image section."

NOISE = re.compile(r"^(See|Run) '")
"""Where to find help."""


def last_words(text: str) -> tuple[str, ...]:
    """The lines that say something. Pure."""
    return tuple(shown(line) for line in text.splitlines() if line.strip() and not NOISE.search(line))


ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "permission denied while trying to connect",
        "You may not speak to the Docker daemon.",
        "Join the group of its socket (usually `docker`; its members are as good as root), or use rootless Docker.",
    ),
    (
        "Cannot connect to the Docker daemon",
        "The Docker daemon does not answer.",
        START_IT,
    ),
    ("error during connect", "The Docker daemon does not answer.", START_IT),
    ("context not found", "This docker context does not exist.", "`docker context ls` names those that do."),
    ("No such image", "The image is not there.", BRING_IT),
    (
        "Unable to find image",
        "The image is not there.",
        BRING_IT,
    ),
    (
        "is already in use by container",
        "There is a container of this name.",
        "Remove it with `docker rm -f`.",
    ),
    ("no space left on device", "The disk is full.", "Make room: `docker system df` says what Docker uses."),
    ("unknown runtime specified", "The daemon does not have this runtime.", "`bot-bottle doctor` names those it has."),
    ("unknown or invalid runtime name", "The daemon does not have this runtime.", "`bot-bottle doctor` names those it has."),
    ("exec format error", "The image is made for another kind of processor.", "Use an image for this machine's processor."),
)
"""Words of the docker command or its daemon → what happened, and what to do."""


def explain(words: str, *, image: str = "") -> BottleError:
    """An error from docker's last words. Pure."""
    lines = last_words(words)[-6:]
    facts = (*lines, *((f"image {shown(image)}",) if image else ()))
    for sign, what, advice in ADVICE:
        if sign.lower() in words.lower():
            return BottleError(what, facts=facts, next=advice)
    return BottleError("Docker could not make the bottle.", facts=facts, next="`bot-bottle doctor` says what this daemon offers.")
