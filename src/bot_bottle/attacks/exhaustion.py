"""Attacks on what a bottle shares with the host: more of it than the manifest gives. Run in a bottle that may end by it."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.scene import MEMORY, OPEN_HOST, PIDS

ENDED = "the bottle was ended"
MORE = MEMORY + (256 << 20)

CASES = (
    attack("exhaust-processes", "More processes than the limit", "exhaust.processes", ("EAGAIN", ENDED), wanted=PIDS * 2, place="doomed", timeout_s=30.0),
    attack("exhaust-memory", "More memory than the limit", "exhaust.memory", ("SIGKILL", "MemoryError", "ENOMEM", ENDED), size=MORE, place="doomed", timeout_s=60.0),
    attack("exhaust-tmp", "More memory than the limit, as a file of /tmp", "exhaust.memory_file", ("ENOSPC", "SIGKILL", "ENOMEM", ENDED), folder="/tmp", size=MORE, place="doomed", timeout_s=60.0),
    attack("exhaust-shm", "More memory than the limit, as shared memory", "exhaust.memory_file", ("ENOSPC", "SIGKILL", "ENOMEM", "ENOENT", ENDED), folder="/dev/shm", size=MORE, place="doomed", timeout_s=60.0),
    attack("exhaust-descriptors", "More open files than anybody needs", "exhaust.descriptors", ("EMFILE", "ENFILE"), wanted=1 << 21, place="doomed", timeout_s=60.0),
    attack("exhaust-connections", "More connections than the gate takes, and one in order when they are gone", "exhaust.connections", ("bounded",), host=OPEN_HOST, path="/open/after", wanted=1100, place="doomed", timeout_s=60.0),
    attack("exhaust-after", "Afterwards the bottle goes on", "exhaust.goes_on", ("goes on",), place="doomed"),
)  # fmt: skip

GROUP = Group(name="exhaustion", about="more processes and memory than the limits", cases=CASES)
