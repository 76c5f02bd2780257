"""Names for bottles: the agent, the folder, and a short random tail, so that two terminals never ask for the same one."""

import os
import re
from collections.abc import Callable

from bot_bottle.manifest.spec import BottleSpec


def make_slug(spec: BottleSpec, *, taken: Callable[[str], bool]) -> str:
    """A fresh name such as `claude-shop-7f3a`; records of ended bottles keep theirs for a while, so some are taken."""
    folder = re.sub(r"[^a-z0-9]+", "-", spec.workspace.path.name.lower()).strip("-")[:24].strip("-") or "work"
    for size in (2, 2, 3, 4):
        name = f"{spec.agent}-{folder}-{os.urandom(size).hex()}"
        if not taken(name):
            return name
    return f"{spec.agent}-{folder}-{os.urandom(5).hex()}"


def guest_folder(name: str) -> str:
    """The workspace folder's name as it is inside: letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:64] or "work"
