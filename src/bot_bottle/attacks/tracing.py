"""Attacks by tracing, and on terminals that others type into."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_CALL

CASES = (
    attack("trace-me", "ptrace at all", "kernel.traceme", NO_CALL, own_kernel=True),
    attack("trace-parent", "ptrace of another process", "kernel.trace_parent", NO_CALL, own_kernel=True),
    attack("trace-first", "ptrace of the first process", "kernel.trace_first", NO_CALL),
    attack("trace-write-memory", "To write another process' memory by its file", "files.write", ("EACCES", "EPERM", "ENOENT"), paths=["/proc/1/mem"]),
    attack("trace-type", "Characters typed into a terminal (TIOCSTI)", "kernel.tiocsti", ("EPERM", "EIO", "ENOTTY"), own_kernel=True),
    attack("trace-discipline", "A line discipline, which loads a module", "kernel.line_discipline", ("EPERM", "EINVAL", "ENOTTY"), own_kernel=True),
)  # fmt: skip

GROUP = Group(name="ptrace", about="tracing, and typing for others", cases=CASES)
