"""Errors become exit codes here and nowhere else."""

import sys

from bot_bottle.errors import BottleError, ExitCode

NO_START = frozenset({"--dry-run", "--help", "-h"})


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:2] == ["run"] and not NO_START.intersection(sys.argv):
        from bot_bottle.bottles.idle import start_ahead

        start_ahead()  # it imports for 0.1 s, while this process does the same
    import click

    from bot_bottle.cli.main import app

    try:
        code = app.main(standalone_mode=False)
    except BottleError as error:
        show(error)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.Abort:
        sys.exit(128 + 2)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def show(error: BottleError) -> None:
    """Print what happened, the facts, what to do next, to standard error."""
    lines = [f"bot-bottle: {error.what}", *(f"  - {fact}" for fact in error.facts)]
    if error.next:
        lines.append(f"  {error.next}")
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
