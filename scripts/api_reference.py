"""Writes docs/reference/python.md from the docstrings of `bot_bottle.__all__`. `--check` only says whether it is up to date."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bot_bottle

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "python.md"
HEAD = """\
# Python

Written by `scripts/api_reference.py` from the docstrings. This is the whole interface; what is not here may change.
How to use it: [../how-to/python.md](../how-to/python.md).

Nothing here can approve what an agent asks for: only a person does, by `bot-bottle approve`, the dashboard or the page.
"""

SECTIONS = {
    "Start": ("Manifest", "start", "Preflight"),
    "Bottles": ("Bottle", "Files", "find", "running"),
    "What they answer": ("Completed", "Capture", "Status", "Decision", "Change", "Landing"),
    "asyncio": ("start_async", "AsyncBottle", "AsyncFiles"),
    "Errors": (
        "BottleError",
        *sorted(name for name in bot_bottle.__all__ if name.startswith(("Bad", "Cannot", "Declined", "No", "Timed"))),
    ),
}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for title, names in SECTIONS.items() for line in section(title, names))])


def section(title: str, names: tuple[str, ...]) -> Iterator[str]:
    """One section: each of its names, with what it has."""
    yield f"## {title}\n"
    if title == "Errors":
        yield "| error | exit code of the command line | meaning |\n|---|---|---|"
        yield from (f"| `{name}` | {int(found.exit_code)} | {text(found)} |" for name, found in named(names))
        return
    for name, found in named(names):
        yield f"### `{name}`\n"
        if not inspect.isclass(found) or name == "Manifest":
            yield f"`{name}{signature(found)}`\n"
        yield f"{text(found)}\n"
        if inspect.isclass(found):
            yield from parts(found)
            yield ""


def named(names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # Any: classes and functions
    """Each name with what it stands for."""
    yield from ((name, getattr(bot_bottle, name)) for name in names)


def parts(kind: type) -> Iterator[str]:
    """What a class has: fields, properties, methods."""
    record = getattr(kind, "__record__", {})
    yield from (f"- `{name}: {plain_type(annotation)}`" for name, (annotation, _) in record.items())
    yield from (f"- `{name}`: {in_list(member)}" for name, member in properties(kind))
    if not record:
        yield from (f"- `{name}{signature(method)}`: {in_list(method)}" for name, method in methods(kind))


def in_list(found: object) -> str:
    """Its docstring as the text of one list item."""
    return text(found).replace("\n\n", "\n").replace("\n", "\n  ")


def properties(kind: type) -> Iterator[tuple[str, property]]:
    """Its public properties, in the order of its source."""
    yield from ((name, one) for name, one in vars(kind).items() if isinstance(one, property))


def methods(kind: type) -> Iterator[tuple[str, object]]:
    """Its public methods, in the order of its source."""
    for name, one in vars(kind).items():
        if not name.startswith("_") and (inspect.isfunction(one) or isinstance(one, classmethod)):
            yield name, getattr(kind, name)


def text(found: object) -> str:
    """Its docstring."""
    return inspect.getdoc(found) or ""


def signature(found: object) -> str:
    """How it is called."""
    assert callable(found)
    shown = inspect.signature(found)
    kept = [one.replace(annotation=plain_type(one.annotation)) for one in shown.parameters.values() if one.name != "self"]
    answer = "" if shown.return_annotation in (inspect.Signature.empty, None) else f" -> {plain_type(shown.return_annotation)}"
    words = ", ".join(parameter(one, kept) for one in kept)
    return f"({words}){answer}"


def parameter(one: inspect.Parameter, every: list[inspect.Parameter]) -> str:
    """One parameter; the first that goes by name alone has the star before it."""
    first_named = next((each for each in every if each.kind is inspect.Parameter.KEYWORD_ONLY), None)
    star = "*, " if one is first_named else "*" if one.kind is inspect.Parameter.VAR_POSITIONAL else ""
    default = "" if one.default is inspect.Parameter.empty else f" = {one.default!r}"
    return f"{star}{one.name}: {one.annotation}{default}"


def plain_type(kind: object) -> str:
    """A type as it is written, without the modules."""
    shown = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", shown).strip("'")


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    made = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text() == made else 1
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
