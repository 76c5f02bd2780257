"""Attacks by the kernel's interfaces that have a history of holes: bpf, perf, io_uring, userfaultfd, odd calls."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_CALL

CASES = (
    attack("kernel-other", "Whose kernel it is", "kernel.same_kernel", ("another",), release="$release", version="$version", boot="$boot_id"),
    attack("kernel-bpf", "Programs in the kernel (bpf)", "kernel.bpf_map", NO_CALL, number="$call.bpf", own_kernel=True),
    attack("kernel-bpf-socket", "A classic program on a packet socket", "net.packet_filter", ("EPERM", "EAFNOSUPPORT", "EACCES", "ESOCKTNOSUPPORT")),
    attack("kernel-perf", "Counters of the processor (perf_event_open)", "kernel.perf", (*NO_CALL, "ENOENT"), number="$call.perf_event_open", own_kernel=True),
    attack("kernel-uring", "System calls by a ring that no filter sees (io_uring)", "kernel.plain", NO_CALL, number="$call.io_uring_setup", arguments=[4, ""], own_kernel=True),
    attack("kernel-uring-register", "The ring's other calls", "kernel.calls", NO_CALL, numbers=["$call.io_uring_enter", "$call.io_uring_register"], arguments=[-1, 0, 0, 0], own_kernel=True),
    attack("kernel-userfaultfd", "To hold the kernel in a page fault (userfaultfd)", "kernel.plain", NO_CALL, number="$call.userfaultfd", arguments=[1], own_kernel=True),
    attack("kernel-fanotify", "To see every file's use (fanotify)", "kernel.plain", NO_CALL, number="$call.fanotify_init", arguments=[0x200, 0], own_kernel=True),
    attack("kernel-x32", "Calls of another kind (x32)", "kernel.plain", (*NO_CALL, "no such call"), number="$x32_getpid", arguments=[], own_kernel=True),
    attack("kernel-ldt", "Segments of one's own (modify_ldt)", "kernel.plain", (*NO_CALL, "no such call"), number="$call.modify_ldt", arguments=[0, "", 16], own_kernel=True),
    attack("kernel-cookie", "Calls that nobody uses (lookup_dcookie, uselib, ustat, sysfs)", "kernel.calls", (*NO_CALL, "no such call"), numbers=["$call.lookup_dcookie", "$call.uselib", "$call.ustat", "$call.sysfs"], arguments=[0, 0, 0], own_kernel=True),
    attack("kernel-pages", "To move pages of another process", "kernel.plain", NO_CALL, number="$call.move_pages", arguments=[1, 0, 0, 0, 0, 0], own_kernel=True),
    attack("kernel-vhangup", "To hang up a terminal", "kernel.plain", NO_CALL, number="$call.vhangup", arguments=[], own_kernel=True),
    attack("kernel-core", "A dump of memory, for the host's handler", "kernel.core_limit", ("0 0",), own_kernel=True),
)  # fmt: skip

GROUP = Group(name="kernel", about="bpf, perf, io_uring, userfaultfd, odd calls", cases=CASES)
