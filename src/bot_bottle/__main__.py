"""Errors become exit codes here and nowhere else."""

import sys

from bot_bottle.errors import BottleError, ExitCode

NO_START = frozenset({"--dry-run", "--help", "-h"})


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        if sys.argv[1:2] == ["run"] and not NO_START.intersection(sys.argv):
            from bot_bottle.bottles.idle import start_ahead

            start_ahead()  # it imports for 0.1 s, while this process does the same
        sys.exit(run_verb())
    except BottleError as error:
        show(error)
        sys.exit(error.exit_code)


def run_verb() -> int:
    """Run what the command line names; its exit code."""
    import click

    from bot_bottle.cli.main import app

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


def show(error: BottleError) -> None:
    """Print what happened, the facts, what to do next, to standard error."""
    lines = [f"bot-bottle: {error.what}", *(f"  - {fact}" for fact in error.facts)]
    if error.next:
        lines.append(f"  {error.next}")
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
