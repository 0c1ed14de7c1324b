"""Draw figures as SVG, by hand: a few hundred bytes each, legible on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.pairs import shown

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 84, 150, 44, 46
THEIRS, OURS, FLOOR = "theirs", "ours", "floor"
LABELS = {THEIRS: "azure-identity", OURS: "doorcode", FLOOR: "floor"}

HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #4b5563 }}
.title {{ font-weight: 600 }}
.grid {{ stroke: #9ca3af; stroke-opacity: .35 }}
path {{ fill: none; stroke-width: 2.5 }}
.theirs {{ stroke: #b45309; fill: #b45309 }} .ours {{ stroke: #2563eb; fill: #2563eb }}
.floor {{ stroke: #6b7280; fill: #6b7280; stroke-dasharray: 5 4 }}
path.theirs, path.ours, path.floor {{ fill: none }}
text.theirs, text.ours, text.floor {{ stroke: none }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #d1d5db }}
.theirs {{ stroke: #f59e0b; fill: #f59e0b }} .ours {{ stroke: #60a5fa; fill: #60a5fa }}
.floor {{ stroke: #9ca3af; fill: #9ca3af }}
}}
</style>
<text class="title" x="12" y="22">{label}</text>
"""


def lines(title: str, x_label: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw lines with logarithmic axes; the second number of each point is in seconds."""
    points = [point for each in series.values() for point in each]
    x_low, x_high = (bound(math.log10(x) for x, _ in points) for bound in (min, max))
    y_low = math.floor(min(math.log10(y) for _, y in points))
    y_high = math.ceil(max(math.log10(y) for _, y in points))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    drawn = [HEAD.format(width=WIDTH, height=HEIGHT, label=escape(title))]
    for power in range(y_low, y_high + 1):
        _, y = at(10**x_low, 10.0**power)
        drawn.append(f'<path class="grid" d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{duration(10.0**power)}</text>')
    for x_value in sorted({x for x, _ in points}):
        x, _ = at(x_value, 10.0**y_low)
        drawn.append(f'<text x="{x:.0f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x_value:,.0f}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    for kind, each in series.items():
        places = [at(x, y) for x, y in each]
        drawn.append(f'<path class="{kind}" d="M{"L".join(f"{x:.0f} {y:.1f}" for x, y in places)}"/>')
        drawn.extend(f'<circle class="{kind}" cx="{x:.0f}" cy="{y:.1f}" r="3"/>' for x, y in places if kind != FLOOR)
        x, y = places[-1]
        nudge = 14 if kind == FLOOR else 4
        drawn.append(f'<text class="{kind}" x="{x + 10:.0f}" y="{y + nudge:.0f}">{LABELS[kind]}</text>')
    return "\n".join([*drawn, "</svg>", ""])


def bars(title: str, groups: Sequence[tuple[str, float, float]]) -> str:
    """Draw two bars for each group, azure-identity's and doorcode's seconds, with a linear axis."""
    row = 46
    height = TOP + row * len(groups) + 12
    left, right = 210, 90
    longest = max(max(theirs, ours) for _, theirs, ours in groups)
    drawn = [HEAD.format(width=WIDTH, height=height, label=escape(title))]
    for number, (name, theirs, ours) in enumerate(groups):
        y = TOP + row * number
        drawn.append(f'<text x="{left - 10}" y="{y + 22}" text-anchor="end">{escape(name)}</text>')
        for offset, kind, seconds in ((4, THEIRS, theirs), (20, OURS, ours)):
            length = max(1.0, seconds / longest * (WIDTH - left - right))
            drawn.append(f'<rect class="{kind}" x="{left}" y="{y + offset}" width="{length:.0f}" height="13" rx="2"/>')
            place = f'x="{left + length + 6:.0f}" y="{y + offset + 11}"'
            drawn.append(f'<text class="{kind}" {place}>{duration(seconds)}</text>')
    drawn.append(f'<text class="theirs" x="{WIDTH - 190}" y="22">{LABELS[THEIRS]}</text>')
    drawn.append(f'<text class="ours" x="{WIDTH - 90}" y="22">{LABELS[OURS]}</text>')
    return "\n".join([*drawn, "</svg>", ""])


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9999:
            return f"{shown(seconds / size)} {unit}"
    return f"{shown(seconds / 1e-9)} ns"
