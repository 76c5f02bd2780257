"""The only file that knows Docker's Engine API: what a container is made of, and how it is made, started and waited for.

Asked over the daemon's own socket, because one thing cannot be said to the docker command: that a container has no network at
all. With `--network none` alone the daemon starts a second copy of itself for each container, to set up a network that has
nothing in it; half of the time of a start. Without a version in its path a question is of the daemon's own version; every field
used is in 1.41 (Docker 20.10), and in 1.51.
"""

import json
from typing import Any

from bot_bottle.backends.docker.client import DOOR, DOOR_SOCKET, explain
from bot_bottle.backends.docker.plan import ContainerLimits, DockerPlan
from bot_bottle.backends.first_process import BUILT_INSIDE
from bot_bottle.backends.mounts import Bind, Memory
from bot_bottle.errors import BottleError
from bot_bottle.host.local_http import Answer, Question, ask

ASK_TIMEOUT_S = 60.0
FRAME = 8
"""Bytes before each piece of a stream: its kind, three zeros, and its length, the highest byte first."""

WORDS_LIMIT = 4000
SILENT = "Cannot connect to the Docker daemon, or it does not answer any more."


def container(plan: DockerPlan) -> dict[str, Any]:  # Any: JSON
    """The whole container of this plan. Its environment is empty: the portal gives each command its own. Pure."""
    return {
        "Image": plan.image_ref,
        "Entrypoint": [BUILT_INSIDE],
        "Cmd": [f"{DOOR}/{DOOR_SOCKET}"],
        "User": f"{plan.owner.uid}:{plan.owner.gid}",
        "Hostname": plan.hostname,
        "WorkingDir": "/",
        "NetworkDisabled": True,
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "KILL",
        "AttachStderr": True,
        "Labels": dict(plan.labels),
        "HostConfig": {
            "NetworkMode": "none",
            "AutoRemove": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": plan.read_only,
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "UsernsMode": "host" if plan.host_user_namespace else "",
            "Runtime": plan.runtime or "",
            "RestartPolicy": {"Name": "no"},
            "LogConfig": {"Type": "none"},
            "ShmSize": plan.shared_memory,
            "ExtraHosts": [f"{service.name}:127.0.0.1" for service in plan.services],
            "Mounts": [bind(mount) for mount in plan.mounts if isinstance(mount, Bind)],
            "Tmpfs": {
                "/sys": "ro,noexec,nosuid,nodev,size=64k",  # sysfs tells of the host's hardware
                **{mount.guest_path: memory(mount) for mount in plan.mounts if isinstance(mount, Memory)},
            },
            **limits_of(plan.container_limits),
        },
    }


def limits_of(limits: ContainerLimits) -> dict[str, Any]:  # Any: JSON
    """Memory without swap beyond it, processes, cores; no core dumps. Pure."""
    held: dict[str, Any] = {"Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}]}  # Any: JSON
    if limits.memory is not None:
        held |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    if limits.pids is not None:
        held |= {"PidsLimit": limits.pids}
    if limits.cpus is not None:
        held |= {"NanoCpus": round(limits.cpus * 10**9)}
    return held


def bind(mount: Bind) -> dict[str, Any]:  # Any: JSON
    """One mount. What is read-only is so without what may be mounted below it, which older daemons would leave writable. Pure."""
    options: dict[str, Any] = {"Propagation": "rprivate"}  # Any: JSON
    if not mount.writable:
        options["NonRecursive"] = True
    return {
        "Type": "bind",
        "Source": str(mount.host_path),
        "Target": mount.guest_path,
        "ReadOnly": not mount.writable,
        "BindOptions": options,
    }


def memory(mount: Memory) -> str:
    """The options of a file system in memory. Pure."""
    return f"rw,exec,nosuid,nodev,size={mount.size},mode=1777"


class Container:
    """The container of one plan, before it is made, while it runs, and after. The daemon removes it by itself at its end."""

    def __init__(self, plan: DockerPlan) -> None:
        self._plan = plan
        self._words: Question | None = None
        self._started: Question | None = None
        self._removed: Question | None = None

    def make(self) -> None:
        """Make it, and begin to start it: its first process may speak before the daemon says that it runs."""
        place = f"/containers/{self._make()}"
        self._words = self._ask(f"{place}/attach?stream=1&stderr=1")
        self._removed = self._ask(f"{place}/wait?condition=removed")
        self._started = self._ask(f"{place}/start")

    def questions(self) -> list[Question]:
        """What to wait for until it runs: whether it started, whether it is gone."""
        return [one for one in (self._started, self._removed) if one is not None]

    def check(self) -> None:
        """BottleError with the daemon's or the first process's own words when it did not start, or has ended. Never blocks."""
        if self._started is not None and self._started.take():
            answer = self._started.answer(timeout_s=0)
            self._started = None
            if answer is None or answer.status not in (204, 304):
                raise self._explained(refusal_in(answer))
        if self._removed is not None and self._removed.take():
            raise self._explained(self.words())

    def words(self) -> str:
        """What its first process said on its standard error, as far as it is here."""
        if self._words is None:
            return ""
        self._words.take(timeout_s=0.2)
        return words_of(self._words.taken())

    def is_removed(self, *, timeout_s: float) -> bool:
        """Whether the daemon says within this time that it has removed it. False, too, when it says nothing any more."""
        return self._removed is not None and is_end(self._removed.answer(timeout_s=timeout_s))

    def close(self) -> None:
        """Let go of what was asked; a second time does nothing."""
        for question in (self._words, self._removed, self._started):
            if question is not None:
                question.close()

    def _make(self) -> str:
        target = f"/containers/create?name={self._plan.container}"
        answer = self._ask(target, said=container(self._plan)).answer(timeout_s=ASK_TIMEOUT_S)
        identity = identity_in(answer)
        if identity is None:
            raise self._explained(refusal_in(answer))
        return identity

    def _ask(self, target: str, *, said: dict[str, Any] | None = None) -> Question:  # Any: JSON
        question = ask(self._plan.socket, target, method="POST", said=said, timeout_s=ASK_TIMEOUT_S)
        if question is None:
            raise self._explained(SILENT)
        return question

    def _explained(self, words: str) -> BottleError:
        return explain(words, image=self._plan.image_ref)


def identity_in(answer: Answer | None) -> str | None:
    """The new container's identity; None when the daemon made none. Pure."""
    identity = str(_object(answer.body).get("Id", "")) if answer is not None and answer.status == 201 else ""
    return identity if identity.isalnum() else None


def refusal_in(answer: Answer | None) -> str:
    """The daemon's words for what it did not do. Pure."""
    if answer is None:
        return SILENT
    return str(_object(answer.body).get("message") or f"The daemon answered with status {answer.status}.")


def is_end(answer: Answer | None) -> bool:
    """Whether this answer to `wait` says that the container is gone. Pure."""
    return answer is not None and answer.status == 200 and "StatusCode" in _object(answer.body)


def words_of(stream: bytes) -> str:
    """The text of a stream in frames, from the answer that it came with. Pure."""
    left = stream.partition(b"\r\n\r\n")[2]
    said = b""
    while len(left) >= FRAME:
        length = int.from_bytes(left[4:FRAME], "big")
        said += left[FRAME : FRAME + length]
        left = left[FRAME + length :]
    return said[-WORDS_LIMIT:].decode(errors="replace")


def _object(body: bytes) -> dict[str, Any]:  # Any: JSON
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
