"""Escape sequences and misleading text, put where the operator's commands show what came from a bottle."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.scene import OPEN_HOST

DONE = ("done",)
NO_GIT = {"no git": "there is no git in this image"}

CASES = (
    attack("terminal-printed", "What the agent printed, in `logs`", "show.nothing", DONE, evidence=("shows_plain", "main", "evil", "logs")),
    attack("terminal-names", "Names of files, in `diff`", "show.file_name", DONE, mark="shown-name", evidence=("shows_plain", "main", "shown-name", "diff")),
    attack("terminal-contents", "Contents of files, in `diff`", "show.file_content", DONE, mark="shown-content", evidence=("shows_plain", "main", "shown-content", "diff")),
    attack("terminal-denials", "Refused requests, in `inspect`", "show.request", DONE, host=OPEN_HOST, mark="shown-request", evidence=("shows_plain", "main", "shown-request", "inspect")),
    attack("terminal-events", "Refused requests, in `logs --events`", "show.request", DONE, host=OPEN_HOST, mark="shown-event", evidence=("shows_plain", "main", "shown-event", "logs --events")),
    attack("terminal-traffic", "Refused requests, in `traffic`", "show.request", DONE, host=OPEN_HOST, mark="shown-traffic", evidence=("shows_plain", "main", "", "traffic")),
    attack("terminal-asks", "An agent's reason, in `asks`", "show.ask", ("pending",), mark="shown-reason", absent={"ENOENT": "this bottle has no supervise gate"}, evidence=("shows_plain", "main", "shown-reason", "asks")),
    attack("terminal-held", "Findings of a held push, in `pushes`", "show.protected_push", ("refused", "taken"), url="$git_url", mark="shown-push", absent=NO_GIT, evidence=("shows_plain", "main", "", "pushes"), timeout_s=60.0),
    attack("terminal-commits", "Messages and authors of commits, in `log`", "show.commit", ("refused", "taken"), mark="shown-commit", place="clone", absent=NO_GIT, evidence=("shows_plain", "clone", "", "log"), timeout_s=60.0),
    attack("terminal-list", "The list of bottles", "show.nothing", DONE, evidence=("shows_plain", "", "attack-main", "ls")),
)  # fmt: skip

GROUP = Group(name="terminal", about="text that would take over the operator's terminal", cases=CASES)
