"""The only file that knows the engine's command line (smolvm 1.32): its words, what it prints, what its failures mean. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from bot_bottle.backends.smolmachines.plan import EnginePlan, FromArtifact, SmolmachinesBottlePlan
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

PROGRAM_INSIDE = "/run/bot-bottle/machine"
FAILED = 1
"""The engine's own exit code for everything that went wrong (2: wrong arguments)."""

Cause = Literal[
    "no kvm",
    "bad kvm",
    "no memory",
    "no disk",
    "not ready",
    "not found",
    "exists",
    "taken",
    "image",
    "interrupted",
    "usage",
    "other",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What the engine said when it failed: its stable code, its words, and what that means here."""

    code: str
    message: str
    cause: Cause

    @property
    def is_passing(self) -> bool:
        """Whether the same may work a moment later."""
        return self.cause in {"not ready", "taken", "interrupted"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A machine as the engine knows it. `pid` is its process on the host while it runs."""

    name: str
    state: str
    pid: int | None
    labels: tuple[tuple[str, str], ...]


SIGNS: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    ("no kvm", ("kvm_unavailable", "hypervisor_unavailable", "/dev/kvm", "kvm is not", "kvm access")),
    ("bad kvm", ("kvm_exit_internal_error", "kvm_exit_fail_entry")),
    (
        "not ready",
        (
            "did not become ready",
            "is not running",
            "connect to agent",
            "connection closed",
            "connection refused",
            "no boot progress",
        ),
    ),
    ("no disk", ("no space left", "os error 28", "disk full", "enospc")),
    ("no memory", ("cannot allocate memory", "os error 12", "out of memory")),
    ("interrupted", ("interrupted",)),
    ("taken", ("already starting", "database is locked", "lock held", "acquire vm lock")),
    ("exists", ("already exists", "conflict")),
    ("not found", ("not_found", "not found")),
    ("image", ("manifest", "registry", "pull", "archive", "layer", "rootfs", "artifact", "sidecar", "pack")),
)
"""What the code or the message holds, the first that fits counts. Seen from 1.32.2; its codes are few and its words many."""


def classify(code: int, stderr: str) -> Failure:
    """Why the engine failed. Its last line of JSON says it; without one, its last words do."""
    if code == 2 and '"error"' not in stderr:
        return Failure(code="USAGE", message=last_words(stderr), cause="usage")
    for line in reversed(stderr.splitlines()):
        start = line.find('{"error":')
        error = read_error(line[start:]) if start >= 0 else None
        if error is not None:
            return Failure(code=error[0], message=error[1], cause=cause_of(f"{error[0]} {error[1]}"))
    words = last_words(stderr)
    return Failure(code="", message=words, cause=cause_of(words))


def read_error(line: str) -> tuple[str, str] | None:
    """Code and message of `{"error":{"code":…,"message":…}}`; None when it is something else."""
    try:
        error = json.loads(line)["error"]
        return str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return None


def cause_of(words: str) -> Cause:
    """By its signs."""
    lower = words.lower()
    return next((cause for cause, signs in SIGNS if any(sign in lower for sign in signs)), "other")


def last_words(stderr: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "it said nothing")


ADVICE: dict[Cause, str] = {
    "no kvm": "Load the kvm module (modprobe kvm_intel or kvm_amd), and be a member of the group kvm: `bot-bottle doctor` looks.",
    "bad kvm": "Use another backend. In a virtual machine, ask whether its host offers nested virtualization to it.",
    "no memory": "Give the bottle less memory (limits.memory), or stop other bottles.",
    "no disk": "Make room: machines lie below the state folder, artifacts below the cache folder of bot-bottle.",
    "not ready": "The machine did not start in time; on a busy machine a second try may do.",
    "image": "Check the image of the manifest.",
    "interrupted": "Something stopped the machine while it started.",
}


def explain(what: str, failure: Failure) -> BottleError:
    """The failure as an error for people."""
    facts = (f"the engine said: {plain(failure.message, limit=400)}",)
    kind = CannotRunHere if failure.cause in {"no kvm", "bad kvm"} else BottleError
    return kind(what, facts=facts, next=ADVICE.get(failure.cause, ""))


def code_of(ended: int, told: str | None, *, is_alive: bool) -> int:
    """A command's exit code: what was told from inside is the agent's; without that it is ours, or the machine died.

    `ended` is how the engine's command ended, and only looked at for what it cannot be: it says 1 for its own failures.
    """
    if told is not None and told.isascii() and told.isdigit() and len(told) <= 3 and int(told) <= 255:
        return int(told)
    del ended
    return 125 if is_alive else 137


def words(engine: EnginePlan, *command: str) -> tuple[str, ...]:
    """An engine command about machines, with its state folder and errors as JSON."""
    verb, action, *rest = command
    return (str(engine.program), verb, action, "--state-dir", str(engine.state), "--error-format", "json", *rest)


def create_words(plan: SmolmachinesBottlePlan) -> tuple[str, ...]:
    """Make the machine. There is no network option, and must never be one: each of them brings the whole of it."""
    image = plan.machine_image
    source = ("--from", f"{image.artifact}.smolmachine") if isinstance(image, FromArtifact) else ("--image", image.reference)
    size = plan.size
    options = ["--name", plan.machine_name, *source]
    options += ["--cpus", str(size.cpus), "--mem", str(size.memory_mib), "--storage", str(size.disk_gib), "--stop-on-exit"]
    for name, value in plan.labels:
        options += ["--label", f"{name}={value}"]
    for bind in plan.binds:
        options += ["-v", f"{bind.host_path}:{bind.guest_path}" + ("" if bind.writable else ":ro")]
    for door in plan.doors:
        options += ["--mount-socket", f"{door.host_path}:{door.guest_path}"]
    return (*words(plan.engine, "machine", "create", *options), "--", PROGRAM_INSIDE, "first")


def machine_words(plan: SmolmachinesBottlePlan, action: str, *options: str) -> tuple[str, ...]:
    """Another command about this bottle's machine."""
    return words(plan.engine, "machine", action, "--name", plan.machine_name, *options)


def exec_words(plan: SmolmachinesBottlePlan, *inside: str, streams: bool = False, terminal: bool = False) -> tuple[str, ...]:
    """Run our program in the machine, as its root; with streams it reads standard input, with a terminal it gets one."""
    options = [*(["-i"] if streams or terminal else []), *(["-t"] if terminal else [])]
    return machine_words(plan, "exec", *options, "--", PROGRAM_INSIDE, *inside)


def pack_words(engine: EnginePlan, *, archive: str, output: str) -> tuple[str, ...]:
    """Pack an image into an artifact."""
    return words(engine, "pack", "create", "--image", archive, "-o", output, "--cpus", "1", "--mem", "2048")


STARTED = re.compile(r"^Machine '([^']+)' running \(PID: ([0-9]{1,10})\)$", re.MULTILINE)


def read_started(text: str, name: str) -> int | None:
    """The machine's process, in what `start` prints; None when it is not said."""
    found = STARTED.search(text)
    return int(found[2]) if found and found[1] == name and int(found[2]) > 1 else None


def read_status(text: str) -> Listed | None:
    """What `status --json` prints; None when it is no such thing."""
    try:
        return listed(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_list(text: str) -> tuple[Listed, ...] | None:
    """What `ls --json` prints; None when it is no such thing."""
    try:
        return tuple(listed(row) for row in json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def listed(row: dict[str, Any]) -> Listed:  # Any: JSON
    """One machine of the engine's."""
    pid = row.get("pid")
    labels = tuple(sorted((str(name), str(value)) for name, value in row["labels"].items()))
    running = pid if isinstance(pid, int) and pid > 1 else None
    return Listed(name=str(row["name"]), state=str(row["state"]), pid=running, labels=labels)


def ours(machines: Sequence[Listed], *, stage: str) -> tuple[Listed, ...]:
    """The machines that belong to the bottle of this stage dir."""
    return tuple(one for one in machines if dict(one.labels).get("bot-bottle.stage") == stage)
