"""Attacks by what is left in the workspace: links and races, when the host looks at an agent's work or takes it."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN

DONE = ("done",)
NOT_LINKED = ("EXDEV", "EPERM", "EACCES", *HIDDEN)

CASES = (
    attack("workspace-links", "Links out of the workspace, followed inside", "files.through_link", ("not there",), target="$secret_path", needle="$file_start"),
    attack("workspace-hard", "A second name for a file of the system or of ours", "files.hard_link", NOT_LINKED, paths=["/etc/passwd", "/usr/bin/env", "/run/bot-bottle/ca.pem", "/proc/self/environ"]),
    attack("workspace-left-links", "Links to the host's files, shown and taken by the host", "files.leave_links", DONE, targets={"left-link": "$secret_path", "left-up": "$secret_up", "left-passwd": "/etc/passwd"}, evidence=("keeps_secret", "left-link", "left-up", "left-passwd")),
    attack("workspace-odd", "Pipes, sockets, a terabyte of nothing, a file that nobody may read", "files.leave_odd", DONE, evidence=("goes_on", "diff")),
    attack("workspace-deep", "Folders in folders, deeper than a path is long", "files.leave_deep", DONE, levels=150, evidence=("goes_on", "diff")),
    attack("workspace-race", "A file that becomes a link while the host looks", "files.race", DONE, target="$secret_path", seconds=15.0, evidence=("keeps_secret",)),
    attack("workspace-race-folder", "A folder that becomes a link while the host looks", "files.race_folder", DONE, target="$secret_path", seconds=15.0, evidence=("keeps_secret",)),
)  # fmt: skip

GROUP = Group(name="workspace", about="links and races in what the host looks at", cases=CASES)
