"""Errors become exit codes here and nowhere else."""

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot_bottle.errors import BottleError

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_START = frozenset({"--dry-run", "--help", "-h"})


def main() -> None:
    """Run the command line and exit with its code."""
    fill_streams()
    starts = sys.argv[1:2] == ["run"]
    if starts and not NO_START.intersection(sys.argv):
        from bot_bottle.bottles.idle import start_ahead

        start_ahead()  # it imports for 0.1 s, while this process does the same
    from bot_bottle.errors import BottleError

    try:
        sys.exit(start_quickly(sys.argv[2:]) if starts else run_verb())
    except BottleError as error:
        show(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in FULL:
            raise
        told = BottleError(
            "The disk is full.",
            facts=(str(error),),
            next="Make room, then `bot-bottle clean`. What runs goes on until it must write.",
        )
        show(told)
        sys.exit(told.exit_code)


def fill_streams() -> None:
    """A stream that the caller closed becomes /dev/null: the next file that is opened would be taken for it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def start_quickly(words: list[str]) -> int:
    """`run` on the shortest way: without click when the line has no mistakes."""
    import gc

    gc.disable()  # nothing of a start is garbage, and looking for it takes 5 ms
    from bot_bottle.cli.run_options import quick

    options = None if NO_START.intersection(words) else quick(words)
    if options is None:
        return run_verb()
    from bot_bottle.cli.run import run_bottle

    code = run_bottle(**options)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to finish, and taking an interpreter apart takes 4 ms


def run_verb() -> int:
    """Run what the command line names; its exit code."""
    import click

    from bot_bottle.cli.main import app
    from bot_bottle.errors import ExitCode

    try:
        code = app.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return 128 + 2
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    return code if isinstance(code, int) else int(ExitCode.OK)


def show(error: "BottleError") -> None:
    """Print what happened, the facts, what to do next, to standard error."""
    lines = [f"bot-bottle: {error.what}", *(f"  - {fact}" for fact in error.facts)]
    if error.next:
        lines.append(f"  {error.next}")
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
