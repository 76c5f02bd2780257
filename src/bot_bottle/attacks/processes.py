"""Attacks on processes of the host: to see, signal, read or share memory with them."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NO_CALL

NO_SUCH = ("ESRCH", "EPERM")
IPC = ("ENOENT", "EACCES", "ENOSYS", "EINVAL")

CASES = (
    attack("process-seen", "A process of the host in the list", "files.words_of_processes", ("none",), needle="$argument_canary"),
    attack("process-many", "More processes than the bottle's own", "files.processes", ("only our own",), most="$own_processes"),
    attack("process-signal", "A signal to a process of the host", "files.signal_processes", NO_SUCH, pids=["$decoy_pid"]),
    attack("process-signal-keeper", "A signal to the bottle's keeper and gates", "files.signal_processes", NO_SUCH, pids="$our_pids"),
    attack("process-stop-first", "To stop the bottle's first process", "files.stop_first", ("EPERM", "it goes on")),
    attack("process-first-memory", "The first process' memory and environment", "files.read", (*HIDDEN, "EIO", "empty"), paths=["/proc/1/mem", "/proc/1/environ", "/proc/1/auxv", "/proc/1/maps", "/proc/1/stack"], own_kernel=True),
    attack("process-first-links", "What the first process holds open", "files.links", HIDDEN, paths=["/proc/1/root", "/proc/1/cwd", "/proc/1/exe", "/proc/1/fd/3", "/proc/1/fd/4"], own_kernel=True),
    attack("process-decoy-proc", "A process of the host by /proc", "files.holds", (*HIDDEN, "another"), paths="$decoy_proc", needles=["$argument_canary", "$environment_canary"]),
    attack("process-sysv", "Shared memory of the host by its key", "memory.shared_memory", IPC, key="$memory_key", needle="$memory_canary"),
    attack("process-shm", "A file of shared memory of the host", "memory.shared_file", ("ENOENT",), name="$shm_name", needle="$memory_canary"),
    attack("process-vm-read", "Memory of another process (process_vm_readv)", "kernel.read_parent", NO_CALL, number="$call.process_vm_readv", own_kernel=True),
    attack("process-kcmp", "To compare with another process (kcmp)", "kernel.compare_parent", NO_CALL, number="$call.kcmp", own_kernel=True),
    attack("process-pidfd", "A descriptor out of another process (pidfd_getfd)", "kernel.take_descriptor", NO_CALL, number="$call.pidfd_getfd", own_kernel=True),
)  # fmt: skip

GROUP = Group(name="processes", about="processes of the host, and what they share", cases=CASES)
