"""Builds the first process of bottles, for this machine, with the C compiler that is here. Says so when there is none.

    python scripts/build_guest.py

It goes where the package looks for it on the way of every start (src/bot_bottle/guest/bin); a wheel brings its own.
"""

import sys

from bot_bottle.backends.first_process import BUILT, built_portal
from bot_bottle.backends.guest_programs import compile_to
from bot_bottle.errors import CannotRunHere


def main() -> int:
    """Build it when it is missing or old; exit 0 also when that cannot be done: the package does without."""
    if built_portal() is not None:
        return 0
    try:
        compile_to(BUILT)
    except CannotRunHere as error:
        print(error.what, *error.facts, sep="\n  ", file=sys.stderr)
        print("So a bottle's first process is run by Python here; each start takes 20 ms longer.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
