"""Which program is the first process of a bottle: the portal built from C where there is one, otherwise the one in Python.

Both speak the same messages. The built one starts in a millisecond instead of twenty and needs nothing of the bottle's file
system; it comes with the package, and a checkout builds it with `scripts/build_guest.py`.
"""

import os
import sys
from pathlib import Path

from bot_bottle import guest
from bot_bottle.record import dataclass

GUEST_FOLDER = Path(str(guest.__file__)).parent
SOURCES = GUEST_FOLDER / "portal_c"
BUILT = GUEST_FOLDER / "bin" / f"portal-{os.uname().machine}"
BUILT_INSIDE = "/run/bot-bottle/portal"
PACKAGE_INSIDE = "/run/bot-bottle/lib/bot_bottle/guest"
START = (
    "import gc, sys; gc.disable(); sys.path.insert(0, '/run/bot-bottle/lib'); from bot_bottle.guest.portal import main; main()"
)

NOT_BUILT = "The program that is a bottle's first process is not built."
BUILD_IT = "Install a C compiler and run scripts/build_guest.py, or install bot-bottle from a wheel."
"""For backends whose bottles have file systems in which no Python of ours can run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstProcess:
    """What to show inside (read-only), and the command; the number of the control channel follows as its last word."""

    host_path: Path
    guest_path: str
    argv: tuple[str, ...]


def first_process(built: Path | None, python: str) -> FirstProcess:
    """The built portal, or the one that `python` (a path inside) runs. Pure."""
    if built is not None:
        return FirstProcess(host_path=built, guest_path=BUILT_INSIDE, argv=(BUILT_INSIDE,))
    return FirstProcess(host_path=GUEST_FOLDER, guest_path=PACKAGE_INSIDE, argv=(python, "-I", "-S", "-c", START))


def built_portal() -> Path | None:
    """The portal for this machine's processor, unless it is missing or older than its sources."""
    try:
        built = BUILT.stat().st_mtime
    except FileNotFoundError:
        return None
    changed = max((one.stat().st_mtime for one in os.scandir(SOURCES)), default=0.0) if SOURCES.is_dir() else 0.0
    return BUILT if built >= changed and os.access(BUILT, os.X_OK) else None


def python_inside() -> str:
    """The interpreter that would run the portal; visible inside at the same path as here."""
    return os.path.realpath(sys.executable)
