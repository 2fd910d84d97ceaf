"""Why: a table of ten million rows that lacks one is told apart in three statements: ranges of keys are compared by their tallies, those that differ are
parted, and only what is small enough is read. `libraries.comparing.reconcile` comes here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.digests import Span, Tally, TallyingConnector
from libraries.comparing.landed_sums import LandedSums, Stretch

PIECES = 64  # into which a range that differs is parted
LEAF = 2_000  # rows below which a range is read


class RangeSearch:
    """Parts ranges that differ until they are small enough to read."""

    def __init__(self, connector: TallyingConnector, sums: LandedSums, digested: Sequence[str]) -> None:
        self._connector, self._sums, self._digested = connector, sums, digested
        self.leaves: list[tuple[Stretch, Span, int]] = []
        self.looked: list[tuple[Stretch, Span]] = []
        self.source_rows = self.ranges = 0

    def run(self) -> None:
        """Find the leaves: ranges that differ, with the source's rows in them."""
        count, (_, keyed_rows) = len(self._sums), self._sums.everything
        if self._connector.key_type() is None:
            pieces: list[tuple[Stretch, Span]] = [((0, count), (None, None))]
        else:
            pieces = [*self._parted((0, keyed_rows), (None, None)), ((keyed_rows, count), None)]
        self.source_rows, waiting = self._look(pieces)
        while waiting:
            _, waiting = self._look(waiting)

    def read(self, most_rows: int) -> Iterator[Any]:
        """Read the source's rows of the leaves, the smallest first, as long as they are not too many; `looked` names those read."""
        rows = 0
        for stretch, span, count in sorted(self.leaves, key=lambda leaf: leaf[2]):
            rows += count
            if rows <= most_rows:
                self.looked.append((stretch, span))
        spans = [span for _, span in self.looked]
        for start in range(0, len(spans), PIECES):
            yield from self._connector.rows(spans[start : start + PIECES])

    def _look(self, pieces: list[tuple[Stretch, Span]]) -> tuple[int, list[tuple[Stretch, Span]]]:
        """Compare pieces; return the source's rows in them, and the parts of those that differ and are too large to read."""
        rows, further = 0, []
        for start in range(0, len(pieces), PIECES):
            part = pieces[start : start + PIECES]
            tallies = self._connector.tallies([span for _, span in part], self._digested)
            self.ranges += len(part)
            for number, (stretch, span) in enumerate(part):
                theirs = tallies.get(number, Tally())
                rows += theirs.rows
                further += self._finer(stretch, span, theirs)
        return rows, further

    def _finer(self, stretch: Stretch, span: Span, theirs: Tally) -> list[tuple[Stretch, Span]]:
        """Return the parts of a range that differs; one that need not or cannot be parted becomes a leaf."""
        ours = self._sums.tally(stretch)
        if theirs == ours or (not self._digested and theirs.rows == ours.rows):
            return []
        parts = self._parted(stretch, span) if max(ours.rows, theirs.rows) > LEAF else []
        if len(parts) < 2:
            self.leaves.append((stretch, span, theirs.rows))
            return []
        return parts

    def _parted(self, stretch: Stretch, span: Span) -> list[tuple[Stretch, Span]]:
        if span is None or self._connector.key_type() != self._sums.first.type:
            return [(stretch, span)]
        return [*self._sums.parted(stretch, span, PIECES)]
