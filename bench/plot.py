"""Draws what a benchmark found as horizontal bars, one group for each thing that was measured. An SVG of our own, in no need of anything."""

import html

from outcome import Figure, Outcome
from page import is_ours, number, owners

WIDTH, LABEL, VALUE = 760, 230, 90
ROW, GAP, TITLE = 17, 30, 34
OURS_COLOUR, PEER_COLOUR = "#2f6fde", "#9aa5b5"


def plot(title: str, outcome: Outcome) -> str:
    """The picture. Within a group the longest bar is the largest value; groups have units of their own."""
    groups = dict.fromkeys((figure.what, figure.unit) for figure in outcome.figures)
    order = owners(outcome.figures)
    body: list[str] = []
    y = TITLE
    for what, unit in groups:
        figures = sorted(
            (one for one in outcome.figures if (one.what, one.unit) == (what, unit)), key=lambda one: order.index(one.of)
        )
        body.append(f'<text x="8" y="{y + 12}" class="w">{html.escape(what)}{html.escape(f" ({unit})" if unit else "")}</text>')
        y += 20
        body += [bar(one, largest=max(each.value for each in figures), y=y + index * ROW) for index, one in enumerate(figures)]
        y += len(figures) * ROW + GAP - 20
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">
<title>{html.escape(title)}</title>
<style>text{{font:12px system-ui,sans-serif;fill:#1d2430}}.t{{font-weight:700;font-size:14px}}.w{{font-weight:600}}.r{{text-anchor:end}}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="20" class="t">{html.escape(title)}</text>
{chr(10).join(body)}
</svg>
"""


def bar(figure: Figure, *, largest: float, y: int) -> str:
    """One bar with its name and value; a value below zero has none."""
    room = WIDTH - LABEL - VALUE
    length = max(1.0, room * figure.value / largest) if largest > 0 and figure.value > 0 else 0.0
    colour = OURS_COLOUR if is_ours(figure.of) else PEER_COLOUR
    return (
        f'<text x="{LABEL - 8}" y="{y + 12}" class="r">{html.escape(figure.of)}</text>'
        f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{ROW - 5}" fill="{colour}"/>'
        f'<text x="{LABEL + length + 6:.1f}" y="{y + 12}">{html.escape(number(figure.value))}</text>'
    )
