"""What a bottle sees of this host's file system: programs and libraries read-only, its own /etc, nothing of anybody's home.

What the agent may write: its home, its workspace, /tmp, /run, and what the manifest mounts writable. When the operator is
root, the bottle's user is the host's root to the kernel's file checks: then a root-only file below /usr or /opt can be read
inside, and files of /proc that the kernel lets root write are covered by hand, as container engines do.
"""

from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.first_process import FirstProcess
from bot_bottle.backends.mounts import Bind, Closed, Link, Memory, Mounted, Special
from bot_bottle.backends.system import bind, program_mounts
from bot_bottle.plans.bottle import BottlePlan

PROC_READ_ONLY = ("sys", "bus", "fs", "irq", "sysrq-trigger", "acpi", "mtrr")
"""Parts of /proc that reach the host's kernel: readable, never writable (as the OCI runtime's readonlyPaths)."""

PROC_HIDDEN_FILES = (
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "latency_stats",
    "timer_list",
    "sched_debug",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
    "pagetypeinfo",
    "slabinfo",
    "vmallocinfo",
)
PROC_HIDDEN_FOLDERS = ("scsi", "asound")
"""Parts that tell of the host or of its other users (as the OCI runtime's maskedPaths)."""

MIB = 1024**2
RUN_SIZE = 64 * MIB


def mounts_of(
    plan: BottlePlan,
    *,
    etc: tuple[Bind, ...],
    empty: Path,
    first: FirstProcess,
    workspace: tuple[Mounted, ...],
    memory_files: int,
) -> tuple[Mounted, ...]:
    """Every mount, in order. Looks at which of the host's folders exist; changes nothing."""
    return (
        *program_mounts(),
        *etc,
        *_proc(empty),
        Special(kind="dev", guest_path="/dev"),
        Memory(guest_path="/dev/shm", size=memory_files),  # noqa: S108  # the bottle's own
        Closed(guest_path="/dev"),
        Memory(guest_path="/tmp", size=memory_files),  # noqa: S108
        Link(target="/tmp", guest_path="/var/tmp"),  # noqa: S108
        Memory(guest_path="/run", size=RUN_SIZE),
        Link(target="/run", guest_path="/var/run"),
        Memory(guest_path="/run/bot-bottle", size=MIB),
        Bind(host_path=first.host_path, guest_path=first.guest_path),
        Bind(host_path=plan.ca_bundle_file, guest_path="/run/bot-bottle/ca.pem"),
        Bind(host_path=plan.prompt_file, guest_path="/run/bot-bottle/prompt.md"),
        *(bind(mount) for mount in plan.agent_provision.mounts),
        Closed(guest_path="/run/bot-bottle"),
        Bind(host_path=plan.home_dir, guest_path=plan.guest_home, writable=True),
        *workspace,
        *(bind(mount) for mount in plan.spec.mounts),
        Closed(guest_path="/"),
    )


def _proc(empty: Path) -> Iterator[Mounted]:
    yield Special(kind="proc", guest_path="/proc")
    for name in PROC_READ_ONLY:
        if Path("/proc", name).exists():
            yield Bind(host_path=Path("/proc", name), guest_path=f"/proc/{name}")
    for name in PROC_HIDDEN_FILES:
        if Path("/proc", name).exists():
            yield Bind(host_path=Path("/dev/null"), guest_path=f"/proc/{name}")
    for name in PROC_HIDDEN_FOLDERS:
        if Path("/proc", name).is_dir():
            yield Bind(host_path=empty, guest_path=f"/proc/{name}")


def writable_paths(mounts: tuple[Mounted, ...]) -> tuple[str, ...]:
    """Where the bottle may write, for Landlock: everything mounted writable, and the devices."""
    paths = [mount.guest_path for mount in mounts if isinstance(mount, Memory) or (isinstance(mount, Bind) and mount.writable)]
    return ("/dev", *(path for path in paths if path != "/run/bot-bottle"))
