"""The page of the benchmarks, from records. Pure."""

from typing import TYPE_CHECKING

from outcome import OURS, Bar, Figure, Outcome

if TYPE_CHECKING:
    from all import Ran, Report

HEAD = """\
# Benchmarks

Written by `bench/all.py`, which runs each benchmark with its peers in the same run, in turns, on one machine. Figures of other
machines differ; the ratios differ less. Bars are ours, set before we measured; those that were missed are named first.
"""

QUICK = """
> **These figures are of a quick run, on a machine that did other work.** They show that everything runs, and no more.
"""

AGAIN = """
## How to repeat it

On a machine that does nothing else, in a checkout:

<!-- not run: it takes the machine for half an hour -->
```sh
./try                              # makes .venv
.venv/bin/python bench/all.py      # --quick tries it in minutes; --only start runs one
```

Peers that are not there are said to be missing: `runsc` on `PATH` or in `BOT_BOTTLE_RUNSC`, Docker, nginx, `hey`, gitleaks, pipelock in
`BOT_BOTTLE_PIPELOCK`, a root file system for microVMs in `BOT_BOTTLE_TEST_ROOT`. What each benchmark does stands at the top of its file.
"""


def page(report: "Report") -> str:
    """All of it."""
    parts = [
        HEAD,
        QUICK if report.is_quick else "",
        "## Machine\n",
        machine(report),
        "\n## Bars that were missed\n",
        missed(report),
    ]
    parts += [section(ran) for ran in report.ran]
    return "\n".join(part for part in [*parts, AGAIN] if part).rstrip() + "\n"


def machine(report: "Report") -> str:
    """A table of what the figures hang on."""
    rows = [*report.machine, ("commit", report.commit), ("date", report.when)]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def missed(report: "Report") -> str:
    """Plainly."""
    found = [f"- {ran.title}: {said(bar)}" for ran in report.ran if ran.outcome for bar in ran.outcome.bars if not bar.is_met]
    untried = [f"- {ran.title}: not measured: {ran.why}" for ran in report.ran if ran.outcome is None]
    return "\n".join(found + untried) or "None: every bar was met."


def said(bar: Bar) -> str:
    """One bar in words."""
    return f"{bar.what} is {number(bar.value)}; the bar is {'at least' if bar.at_least else 'at most'} {number(bar.bar)}"


def section(ran: "Ran") -> str:
    """One benchmark."""
    lines = [f"\n## {ran.title}\n", f"`{ran.command}`, {ran.seconds:.0f} s; load before it {ran.load:g}.\n"]
    if ran.outcome is None:
        return "\n".join([f"\n## {ran.title}\n", f"`{ran.command}`: not measured: {ran.why}\n"])
    lines += [f"![{ran.title}](images/bench-{ran.name}.svg)\n", table(ran.outcome), ""]
    if ran.outcome.bars:
        lines += ["| bar | value | at most, at least | |", "|---|---|---|---|"]
        lines += [
            f"| {bar.what} | {number(bar.value)} | {bound(bar)} | {'met' if bar.is_met else '**missed**'} |"
            for bar in ran.outcome.bars
        ]
        lines.append("")
    lines += [f"Not there: {one}" for one in dict.fromkeys(ran.missing)]
    return "\n".join(lines).rstrip()


def bound(bar: Bar) -> str:
    """The bar itself."""
    return f"{'≥' if bar.at_least else '≤'} {number(bar.bar)}"


def table(outcome: Outcome) -> str:
    """What was measured down, of whom across; ours first."""
    columns = owners(outcome.figures)
    rows = dict.fromkeys((figure.what, figure.unit) for figure in outcome.figures)
    cells = {(figure.what, figure.unit, figure.of): number(figure.value) for figure in outcome.figures}
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for what, unit in rows:
        found = (cells.get((what, unit, of), "") for of in columns)
        lines.append(f"| {what}{f', {unit}' if unit else ''} | {' | '.join(found)} |")
    return "\n".join(lines)


def owners(figures: tuple[Figure, ...]) -> list[str]:
    """Whose figures there are, ours first."""
    return sorted(dict.fromkeys(figure.of for figure in figures), key=lambda of: not is_ours(of))


def is_ours(of: str) -> bool:
    """Whether it is a figure of ours."""
    return of.startswith((OURS, "bottle in"))


def number(value: float) -> str:
    """As many digits as say something."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
