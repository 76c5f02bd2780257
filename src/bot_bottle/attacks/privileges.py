"""Attacks for privileges: capabilities, programs that run as somebody else, another user's number."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_CALL

PROGRAMS = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local",
    "/usr/libexec",
    "/usr/lib/openssh",
    "/usr/lib/dbus-1.0",
    "/usr/lib/policykit-1",
]
SET_NO_NEW_PRIVS, SET_SECCOMP = 38, 22

CASES = (
    attack("privilege-capabilities", "A capability in any set", "files.capabilities", ("none",)),
    attack("privilege-user", "To be the superuser", "files.user", ("an ordinary user",)),
    attack("privilege-no-new", "A process that may gain privileges", "files.status", ("1",), field="NoNewPrivs", absent={"no such row": "this kernel has no such row"}),
    attack("privilege-filter", "A process whose system calls nobody filters", "files.status", ("2",), field="Seccomp", own_kernel=True),
    attack("privilege-become", "Root's number", "files.become", ("EPERM", "EINVAL"), uid=0),
    attack("privilege-become-other", "Another user's number", "files.become", ("EPERM", "EINVAL"), uid=65534),
    attack("privilege-setuid-programs", "Programs that run as somebody else", "files.setuid_programs", ("none",), tops=PROGRAMS, own_kernel=True, timeout_s=30.0),
    attack("privilege-own-setuid", "A program of one's own that runs as somebody else", "files.own_setuid", ("our own",), absent={"no id": "there is no program id here"}),
    *(
        attack(f"privilege-{program}", f"Root by {program}", "files.shell_root", ("refused",), program=program, absent={"no such program": f"there is no program {program} here"})
        for program in ("su", "sudo", "pkexec", "mount")
    ),
    attack("privilege-chown", "To give a file to root", "files.give_away", ("EPERM", "EINVAL"), uid=0),
    attack("privilege-file-capability", "A program of one's own with capabilities", "files.file_capability", ("EPERM", "EOPNOTSUPP"), own_kernel=True),
    attack("privilege-modules", "A module for the kernel", "kernel.plain", NO_CALL, number="$call.finit_module", arguments=[-1, "", 0], own_kernel=True),
    attack("privilege-module-memory", "A module for the kernel, out of memory", "kernel.plain", NO_CALL, number="$call.init_module", arguments=["x", 1, ""], own_kernel=True),
    attack("privilege-kexec", "Another kernel", "kernel.plain", NO_CALL, number="$call.kexec_load", arguments=[0, 17, 0, 0], own_kernel=True),
    attack("privilege-reboot", "An end to the machine, asked with the wrong magic", "kernel.plain", NO_CALL, number="$call.reboot", arguments=[1, 2, 3, 0], own_kernel=True),
    attack("privilege-swap", "Memory on a disk", "kernel.plain", NO_CALL, number="$call.swapon", arguments=["/nowhere-bot-bottle", 0], own_kernel=True),
    attack("privilege-name", "Another name for the host, of a length that none has", "kernel.plain", NO_CALL, number="$call.sethostname", arguments=["x", -1], own_kernel=True),
    attack("privilege-clock", "Another time, of a clock that is none", "kernel.plain", NO_CALL, number="$call.clock_settime", arguments=[0, 0], own_kernel=True),
    attack("privilege-ports", "Ports of the machine (iopl)", "kernel.plain", (*NO_CALL, "no such call"), number="$call.iopl", arguments=[3], own_kernel=True),
    attack("privilege-log", "The kernel's log by its call", "kernel.plain", NO_CALL, number="$call.syslog", arguments=[10, 0, 0], own_kernel=True),
    attack("privilege-quota", "Quotas", "kernel.plain", NO_CALL, number="$call.quotactl", arguments=[0x800002 << 8, "/nowhere-bot-bottle", 0, 0], own_kernel=True),
    attack("privilege-accounting", "A record of every process, into a file", "kernel.plain", NO_CALL, number="$call.acct", arguments=["/nowhere-bot-bottle"], own_kernel=True),
)  # fmt: skip

GROUP = Group(name="privileges", about="capabilities, setuid programs, root", cases=CASES)
