"""Searches for credentials: the operator's secrets are nowhere inside, and the gates' answers do not tell them."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.scene import OPEN_HOST

NOTHING = ("nothing",)

CASES = (
    attack("credential-environment", "Environment", "search.environment", NOTHING, sought="$sought"),
    attack("credential-home", "Files of the home and the workspace", "search.files", NOTHING, tops=["/home", "/work", "."], seconds=15.0, sought="$sought", timeout_s=20.0),
    attack("credential-system", "Files of the system that are the bottle's own", "search.files", NOTHING, tops=["/etc", "/run", "/tmp", "/var", "/dev/shm", "/srv", "/mnt"], seconds=20.0, sought="$sought", timeout_s=25.0),
    attack("credential-processes", "Arguments and environments of processes", "search.processes", NOTHING, sought="$sought"),
    attack("credential-memory", "Memory of processes that let us", "search.memory", NOTHING, sought="$sought", timeout_s=30.0),
    attack("credential-answers", "The answers of the egress gate, and of a server that shows what it was sent", "search.answers", NOTHING, host=OPEN_HOST, sought="$sought"),
    attack("credential-control", "Control: the gate did give the server the credential", "web.get", ("200",), host=OPEN_HOST, target="/open/echo/control", evidence=("credential_arrived", "/open/echo/control")),
    attack("credential-elsewhere", "The credential for a path that it is not bound to", "web.get", ("200",), host=OPEN_HOST, target="/open/unbound", evidence=("credential_unseen", "/open/unbound")),
    attack("credential-supervise", "What the supervise gate tells", "search.supervise_answers", NOTHING, sought="$sought", absent={"ENOENT": "this bottle has no supervise gate"}),
    attack("credential-git", "What git knows", "search.git_settings", NOTHING, sought="$sought", absent={"no git": "there is no git in this image"}),
    attack("credential-authority", "The key of the bottle's authority", "search.private_keys", NOTHING, tops=["/run", "/home", "/tmp", "/dev/shm", "."], timeout_s=20.0),
)  # fmt: skip

GROUP = Group(name="credentials", about="a search for the operator's secrets", cases=CASES)
