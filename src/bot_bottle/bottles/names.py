"""Names for bottles: the agent, the folder, and a short random tail, so that two terminals never ask for the same one."""

import os
import re

from bot_bottle.manifest.spec import BottleSpec


def make_slug(spec: BottleSpec) -> str:
    """A fresh name such as `claude-shop-7f3a`."""
    folder = re.sub(r"[^a-z0-9]+", "-", spec.workspace.path.name.lower()).strip("-")[:24].strip("-") or "work"
    return f"{spec.agent}-{folder}-{os.urandom(2).hex()}"


def guest_folder(name: str) -> str:
    """The workspace folder's name as it is inside: letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:64] or "work"
