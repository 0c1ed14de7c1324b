"""Two figures taken in turn, again and again, and what they say about each other."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of two things, in pairs; seconds unless ``unit`` says otherwise.

    Attributes:
        section: of the table.
        name: what was measured.
        theirs: one figure for each pair: azure-identity's, or a floor's.
        ours: likewise, doorcode's.
        unit: of the figures as they are printed.
        note: what else happened, such as an error.
    """

    section: str
    name: str
    theirs: tuple[float, ...]
    ours: tuple[float, ...]
    unit: str = "ms"
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """What the one took of the other, pair by pair."""
        return [theirs / ours for theirs, ours in zip(self.theirs, self.ours, strict=True)]

    def as_json(self) -> dict[str, object]:
        """Return everything that is known, for a file."""
        return {
            "section": self.section,
            "name": self.name,
            "unit": "seconds" if self.unit in UNITS else self.unit,
            "theirs": self.theirs,
            "ours": self.ours,
            "ratio": statistics.median(self.ratios),
            "ratio_least": min(self.ratios),
            "ratio_most": max(self.ratios),
            "note": self.note,
        }

    def figure(self, values: tuple[float, ...]) -> str:
        """Return the median of figures, for people."""
        return f"{shown(statistics.median(values) / UNITS.get(self.unit, 1.0))} {self.unit}"


def shown(value: float) -> str:
    """Return three digits of a number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_turn(count: int, *measure: Callable[[], Mapping[str, float]]) -> list[dict[str, tuple[float, ...]]]:
    """Measure A, B, A, B and so on; return each one's figures by name, those of one pair at one place."""
    taken: list[list[Mapping[str, float]]] = [[] for _ in measure]
    for _ in range(count):
        for place, one in enumerate(measure):
            taken[place].append(one())
    return [{name: tuple(figures[name] for figures in each) for name in each[0]} for each in taken]
