"""Attacks on /proc: to change the host's kernel by it, or to read what it tells of the host."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NOT_WRITTEN

SYSCTLS = [
    "kernel/core_pattern",
    "kernel/modprobe",
    "kernel/hotplug",
    "kernel/unprivileged_bpf_disabled",
    "kernel/yama/ptrace_scope",
    "kernel/randomize_va_space",
]
NOTHING = (*HIDDEN, "empty")

CASES = (
    attack("proc-sysctl-kernel", "The kernel's settings", "files.write", NOT_WRITTEN, paths=[f"/proc/sys/{name}" for name in SYSCTLS], own_kernel=True),
    attack("proc-sysctl-vm", "Memory's settings", "files.write", NOT_WRITTEN, paths=["/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/mmap_min_addr"], own_kernel=True),
    attack("proc-sysctl-net", "The network's settings", "files.write", NOT_WRITTEN, paths=["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/route_localnet"], own_kernel=True),
    attack("proc-sysctl-fs", "File systems' settings, binfmt_misc among them", "files.write", NOT_WRITTEN, paths=["/proc/sys/fs/binfmt_misc/register", "/proc/sys/fs/suid_dumpable", "/proc/sys/fs/protected_symlinks"], own_kernel=True),
    attack("proc-sysctl-namespaces", "How many namespaces there may be", "files.write", NOT_WRITTEN, paths=["/proc/sys/user/max_user_namespaces"], own_kernel=True),
    attack("proc-sysrq", "The magic key", "files.write", NOT_WRITTEN, paths=["/proc/sysrq-trigger"]),
    attack("proc-kcore", "The kernel's memory", "files.read", NOTHING, paths=["/proc/kcore"]),
    attack("proc-kmsg", "The kernel's log", "files.read", (*NOTHING, "EAGAIN"), paths=["/proc/kmsg"]),
    attack("proc-kallsyms", "Where the kernel's functions lie", "files.zero_read", (*HIDDEN, "only zeros"), path="/proc/kallsyms", own_kernel=True),
    attack("proc-keys", "Keys of the kernel's keyrings", "files.read", NOTHING, paths=["/proc/keys"], own_kernel=True),
    attack("proc-timers", "Other processes' timers, scheduling and memory", "files.read", NOTHING, paths=["/proc/timer_list", "/proc/sched_debug", "/proc/slabinfo", "/proc/vmallocinfo", "/proc/pagetypeinfo"], own_kernel=True),
    attack("proc-pages", "Physical pages", "files.read", NOTHING, paths=["/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup"]),
    attack("proc-hardware", "Devices of the host", "files.read", NOTHING, paths=["/proc/scsi/scsi", "/proc/asound/version", "/proc/latency_stats"], own_kernel=True),
    attack("proc-first-score", "The first process' chance in a memory shortage", "files.write", NOT_WRITTEN, paths=["/proc/1/oom_score_adj", "/proc/1/coredump_filter"], own_kernel=True),
    attack("proc-first-maps", "To give the first process another identity", "files.write", NOT_WRITTEN, paths=["/proc/1/uid_map", "/proc/1/gid_map", "/proc/1/setgroups", "/proc/1/attr/current"], own_kernel=True),
    attack("proc-own-maps", "To give oneself another identity", "files.map_root", ("EPERM", "EACCES", "ENOENT", "EROFS")),
    attack("proc-mounts", "A path of the host out of the list of mounts", "files.mounts_tell", HIDDEN, words="$host_paths"),
    attack("proc-root-link", "The host's root by a process' root", "files.exists", HIDDEN, paths="$root_links"),
)  # fmt: skip

GROUP = Group(name="proc", about="what /proc changes and tells", cases=CASES)
