"""Snapshots as short texts: what stands in a cell, in which tone. Pure; words carry the meaning, colour only repeats it.

Everything here may hold text from a bottle. It is made of `Piece`s, never of markup, and whoever draws it keeps it that way.
"""

import time
from typing import Literal, NamedTuple

from bot_bottle.bottles.asks import AskView, GrantView
from bot_bottle.bottles.snapshot import BottleView, Cost, Decision, Snapshot

Tone = Literal["", "good", "bad", "warn", "faint", "strong"]


class Piece(NamedTuple):
    """Some text in one tone."""

    text: str
    tone: Tone = ""


Line = tuple[Piece, ...]
STATES: dict[str, Tone] = {
    "running": "good",
    "starting": "warn",
    "stopped": "faint",
    "ended": "faint",
    "failed": "bad",
    "died": "bad",
}
LEVELS: dict[str, Tone] = {"low": "good", "medium": "warn", "high": "bad"}
BOTTLE_COLUMNS = ("name", "state", "asks", "cost", "traffic", "agent", "backend", "age", "folder")
"""The most wanted first: a narrow screen cuts off the rest."""
ASK_COLUMNS = ("bottle", "wants to", "risk", "waits")
DECISION_COLUMNS = ("time", "verdict", "request", "why")


def age(seconds: float) -> str:
    """As in `ls`: 12s, 5m, 3h, 2d."""
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{letter}"
    return f"{max(0, int(seconds))}s"


def size_of(count: int) -> str:
    """Bytes for people, in powers of ten."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def cost_of(cost: Cost) -> Piece:
    """Dollars, and the bound when there is one; bad when nine tenths of it are used up."""
    used = f"${cost.usd:.2f}"
    if cost.usd_limit is not None:
        return Piece(f"{used} of ${cost.usd_limit:g}", "bad" if cost.usd >= 0.9 * cost.usd_limit else "")
    if cost.tokens_limit is not None:
        return Piece(
            f"{used}, {cost.tokens} of {cost.tokens_limit} tokens", "bad" if cost.tokens >= 0.9 * cost.tokens_limit else ""
        )
    return Piece(used if cost.tokens else "-", "" if cost.tokens else "faint")


def traffic_of(view: BottleView) -> Piece:
    """Requests allowed and denied."""
    if not view.is_running:
        return Piece("-", "faint")
    if not view.answers:
        return Piece("no answer", "warn")
    return Piece(f"{view.traffic.allowed} ok, {view.traffic.denied} denied", "warn" if view.traffic.denied else "")


def state_of(view: BottleView) -> Piece:
    """Its state, with the exit code and a star for work that has not been landed."""
    code = f" ({view.exit_code})" if view.exit_code is not None else ""
    return Piece(view.state + code + (" *" if view.has_unlanded_work else ""), STATES.get(view.state, ""))


def bottle_row(view: BottleView, *, now: float) -> Line:
    """In the order of BOTTLE_COLUMNS."""
    waiting = Piece(str(view.waiting), "warn") if view.waiting else Piece("-", "faint")
    return (
        Piece(view.slug, "strong" if view.is_running else ""),
        state_of(view),
        waiting,
        cost_of(view.cost),
        traffic_of(view),
        Piece(view.agent),
        Piece(view.backend),
        Piece(age(now - view.created)),
        Piece(view.workspace, "faint"),
    )


def worst(ask: AskView) -> Piece:
    """The highest risk, by its level and label."""
    order = ("high", "medium", "low")
    found = sorted(ask.risks, key=lambda risk: order.index(risk[1]) if risk[1] in order else 0)
    return Piece(f"{found[0][1]}: {found[0][0]}", LEVELS.get(found[0][1], "bad")) if found else Piece("-", "faint")


def ask_row(ask: AskView, *, now: float) -> Line:
    """In the order of ASK_COLUMNS."""
    return Piece(ask.slug, "strong"), Piece(ask.title), worst(ask), Piece(age(now - ask.at))


def diff_line(text: str) -> Line:
    """One line of a diff, as it reads best; the sign stays in front of it."""
    if text.startswith(("+++", "---", "diff ", "index ")):
        return (Piece(text, "strong"),)
    if text.startswith("finding"):
        return (Piece(text, "bad"),)
    tone: Tone = "good" if text.startswith("+") else "bad" if text.startswith("-") else "warn" if text.startswith("@@") else ""
    return (Piece(text, tone),)


def ask_lines(ask: AskView) -> tuple[Line, ...]:
    """The whole of what an approval is bound to."""
    lines: list[Line] = [
        (Piece("bottle   ", "faint"), Piece(ask.slug, "strong")),
        (Piece("wants to ", "faint"), Piece(ask.title, "strong")),
    ]
    if ask.reason:
        lines.append((Piece("because  ", "faint"), Piece(ask.reason), Piece("  (the agent's words)", "faint")))
    lines += [(Piece(f"choice {number} ", "faint"), Piece(choice)) for number, choice in enumerate(ask.choices, 1)]
    lines += [
        (Piece("risk     ", "faint"), Piece(f"{level}: {label}. ", LEVELS.get(level, "bad")), Piece(text))
        for label, level, text in ask.risks
    ]
    lines += [(Piece("refused  ", "faint"), Piece(line)) for line in ask.evidence]
    if ask.blocked:
        lines.append((Piece("closed   ", "faint"), Piece(ask.blocked, "bad"), Piece("  (a deny beats every allow)", "faint")))
    if ask.raised > 1:
        lines.append((Piece("asked    ", "faint"), Piece(f"{ask.raised} times", "warn")))
    return (*lines, (Piece("id       ", "faint"), Piece(ask.id, "faint")))


def decision_row(one: Decision) -> Line:
    """In the order of DECISION_COLUMNS."""
    clock = time.strftime("%H:%M:%S", time.localtime(one.ts))
    port = "" if one.port in (443, 80) else f":{one.port}"
    tone: Tone = "good" if one.verdict == "allow" else "bad"
    why = one.rule if one.verdict == "allow" else one.why or one.rule
    return Piece(clock, "faint"), Piece(one.verdict, tone), Piece(f"{one.method} {one.host}{port}{one.path}"), Piece(why, "faint")


def grant_line(one: GrantView, *, now: float) -> Line:
    """One grant: what, until when, how often used."""
    if one.ended:
        until = f"over: {one.ended}"
    elif one.expires is None:
        until = "until the bottle ends" if one.scope != "once" else "once"
    else:
        until = f"for {age(one.expires - now)} more"
    return (
        Piece(f"{one.name}  ", "strong"),
        Piece(f"may {one.title}"),
        Piece(f"  {until}, used {one.used} times, by {one.by}", "faint"),
    )


def summary(snapshot: Snapshot) -> str:
    """One line over everything."""
    running = sum(view.is_running for view in snapshot.bottles)
    waiting = len(snapshot.inbox.pending)
    dollars = sum(view.cost.usd for view in snapshot.bottles)
    bottles = "1 bottle runs" if running == 1 else f"{running} bottles run"
    asks = "nobody asks" if not waiting else "1 ask waits" if waiting == 1 else f"{waiting} asks wait"
    return f"{bottles} · {asks} · ${dollars:.2f}"
