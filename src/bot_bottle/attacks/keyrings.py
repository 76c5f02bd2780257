"""Attacks on the kernel's keyrings, which are not part of any namespace."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NO_CALL

GET_KEYRING_ID, READ, JOIN_SESSION = 0, 11, 1
SESSION, USER, USER_SESSION = -3, -4, -5

CASES = (
    attack("keyring-find", "A key of the operator's by its name", "kernel.find_key", NO_CALL, number="$call.request_key", description="$key_name", own_kernel=True),
    attack("keyring-user", "The user's keyring", "kernel.plain", NO_CALL, number="$call.keyctl", arguments=[GET_KEYRING_ID, USER, 1], own_kernel=True),
    attack("keyring-session", "The session's keyring, read", "kernel.plain", NO_CALL, number="$call.keyctl", arguments=[READ, SESSION, "", 64], own_kernel=True),
    attack("keyring-user-session", "The user's session keyring", "kernel.plain", NO_CALL, number="$call.keyctl", arguments=[GET_KEYRING_ID, USER_SESSION, 1], own_kernel=True),
    attack("keyring-join", "A session keyring of one's own", "kernel.plain", NO_CALL, number="$call.keyctl", arguments=[JOIN_SESSION, 0], own_kernel=True),
    attack("keyring-add", "A key for others to find", "kernel.plain", NO_CALL, number="$call.add_key", arguments=["user", "bot-bottle-attack", "x", 1, USER], own_kernel=True),
    attack("keyring-list", "The list of keys", "files.read", (*HIDDEN, "empty"), paths=["/proc/keys"], own_kernel=True),
)  # fmt: skip

GROUP = Group(name="keyrings", about="the kernel's keyrings", cases=CASES)
