"""Why: a chart is a table that is also drawn, so that who cannot see it, prints it or copies it has the same figures. Pages hand a `Chart` to the macro
`chart` of `charts.html`; `static/charts.js` draws it from the table in the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["line", "bar", "stack", "pie"]


@dataclass(frozen=True)
class Chart:
    """A titled drawing. series: the name of each column of figures; rows: a label and one figure per series (None: not known). unit: e.g. "%"."""

    title: str
    kind: Kind
    label: str
    series: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | int | None]]] = field(default_factory=list)
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the series: a drawing would shift figures under wrong names."""
        for label, figures in self.rows:
            if len(figures) != len(self.series):
                raise ValueError(f"{self.title}: {label} has {len(figures)} figures, not {len(self.series)}")
