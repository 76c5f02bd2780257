"""The options of `run`, once: click builds its command from them, and a start without mistakes is read here without click.

click takes 30 ms to import, a fifth of a start. `quick` reads only what has one plain meaning; for anything else it says None,
and click reads the line again, with its messages and its help.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option: its spellings, the argument of `run_bottle` that it fills, and what it takes."""

    spellings: tuple[str, ...]
    fills: str
    takes: Literal["nothing", "text", "texts", "path"]
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()


def _option(*spellings: str, fills: str, takes: Literal["nothing", "text", "texts", "path"], help: str, **more: Any) -> Option:
    return Option(spellings=spellings, fills=fills, takes=takes, help=help, **more)  # Any: metavar and choices


OPTIONS = (
    _option(
        "-f",
        "--file",
        fills="manifest",
        takes="path",
        metavar="FILE",
        help="The manifest; naming it is your own act of trust. - reads standard input, with --detach or --dry-run.",
    ),
    _option("--no-manifest", fills="no_manifest", takes="nothing", help="Do not look for a manifest."),
    _option(
        "--backend",
        fills="backend",
        takes="text",
        metavar="NAME",
        help="What runs the bottle; the best that works here when left out.",
    ),
    _option("--name", fills="slug", takes="text", metavar="NAME", help="The bottle's name; a fresh one when left out."),
    _option(
        "-w",
        "--workspace",
        fills="workspace",
        takes="path",
        metavar="FOLDER",
        help="The folder to work in; the current one when left out.",
    ),
    _option(
        "--mode",
        fills="mode",
        takes="text",
        help="clone: its branches come as bottle/NAME/… (default for agents in a git repository); copy; bind: the folder itself.",
        choices=("copy", "clone", "bind"),
    ),
    _option(
        "--allow",
        fills="allow",
        takes="texts",
        metavar="HOST[:PORT]",
        help="Allow this host too (HTTPS, any path); may be repeated.",
    ),
    _option(
        "--preset",
        fills="preset",
        takes="texts",
        metavar="NAME",
        help="Allow what a tool needs to read packages (pip, npm, cargo …); may be repeated.",
    ),
    _option(
        "--image",
        fills="image",
        takes="text",
        metavar="REF",
        help="The image to run from: a reference, or the path (./…) of a Dockerfile, a tar archive or a root folder.",
    ),
    _option("--prompt", fills="prompt", takes="text", help="Standing instructions for the agent."),
    _option("--prompt-file", fills="prompt_file", takes="path", metavar="FILE", help="The same, from a file."),
    _option("-d", "--detach", fills="detach", takes="nothing", help="Start it in the background, and print its name."),
    _option("--dry-run", fills="dry_run", takes="nothing", help="Show the plan and start nothing."),
    _option(
        "--json", fills="as_json", takes="nothing", help="The plan (--dry-run) or the name (--detach) as JSON; an error, too."
    ),
    _option("--confirm", fills="confirm", takes="nothing", help="Show the plan and start only after a line that says yes."),
    _option("-q", "--quiet", fills="quiet", takes="nothing", help="No notices on standard error."),
)

_BY_SPELLING = {spelling: option for option in OPTIONS for spelling in option.spellings}


def quick(words: Sequence[str]) -> dict[str, Any] | None:  # Any: the arguments of `run_bottle`
    """The arguments of `run_bottle`, or None where click should look."""
    values: dict[str, Any] = {option.fills: _nothing(option) for option in OPTIONS}
    named: list[str] = []
    passed: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            passed = left
            break
        if not word.startswith("-") or word == "-":
            named.append(word)
            continue
        spelling, equals, value = word.partition("=")
        option = _BY_SPELLING.get(spelling)
        if option is None or (equals and (option.takes == "nothing" or not spelling.startswith("--"))):
            return None
        if option.takes != "nothing" and not equals:
            if not left or left[0].startswith("-"):
                return None
            value = left.pop(0)
        if option.choices and value not in option.choices:
            return None
        _fill(values, option, value)
    return values | {"agent": named[0] if named else None, "args": (*named[1:], *passed)}


def _nothing(option: Option) -> object:
    return {"nothing": False, "texts": ()}.get(option.takes)


def _fill(values: dict[str, Any], option: Option, value: str) -> None:  # Any: as above
    if option.takes == "nothing":
        values[option.fills] = True
    elif option.takes == "texts":
        values[option.fills] += (value,)
    else:
        values[option.fills] = Path(value) if option.takes == "path" else value
