"""Why: a fault must be seeded together with the word of what has to become of it. A delivery holds what a department should have sent, what it does
send, and for every record it spoils one line of the answer key.

Only the generator of hutong/demo comes here. Tables are in item terms; values are text or None.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from schemas.resource import ResourceDocument

Rows = NDArray[np.int64]
Change = Callable[[str], Any]


@dataclass
class Fault:
    """One line of the answer key. `record`: the key as delivered, `subject`: the key as it should be; `reasons` for quarantined rows, sorted."""

    kind: str
    resource: str
    record: str | None
    expected: str
    subject: str | None = None
    reasons: tuple[str, ...] = ()
    item: str | None = None


@dataclass
class Delivery:
    """What one department sends. `good` is the truth, `sent` what leaves the house; a row is spoilt at most once."""

    document: ResourceDocument
    good: pd.DataFrame
    draw: np.random.Generator
    faults: list[Fault] = field(default_factory=list)
    habits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.good = plain(self.good)
        self.sent = self.good.copy()
        self.held = np.zeros(len(self.good), bool)
        self._spoilt = np.zeros(len(self.good), bool)

    def quarantine(
        self, kind: str, count: int, changes: dict[str, Change], reasons: Sequence[str], where: Any = None
    ) -> Rows:
        """Spoil `count` rows so that they have to be held back with exactly these reasons; return which."""
        rows = self._choose(count, where)
        subjects = self.keys(rows, self.good)
        for item, change in changes.items():
            self._change(rows, item, change)
        self.held[rows] = True
        for row, subject in zip(self.keys(rows, self.sent), subjects, strict=True):
            self.faults.append(Fault(kind, self.document.id, row, "quarantined", subject, tuple(sorted(reasons))))
        return rows

    def repair(self, kind: str, repair: str, count: int, change: Change, where: Any = None) -> Rows:
        """Spoil `count` values in a way that the declared `repair` ("item.normalisation") mends; return the rows."""
        item, _, normalisation = repair.partition(".")
        able = self.sent[item].notna().to_numpy() & (True if where is None else where)
        rows = self._choose(count, able)
        self._change(rows, item, change)
        sent, good = self.keys(rows, self.sent), self.keys(rows, self.good)
        for record, subject in zip(sent, good, strict=True):
            fault = Fault(kind, self.document.id, record, f"repaired:{normalisation}", subject, (), item)
            self.faults.append(fault)
        return rows

    def conflict(self, kind: str, item: str, count: int, change: Change, where: Any) -> Rows:
        """Let `count` rows say something else than a higher authority does: kept as this source's word, never the golden one."""
        rows = self._choose(count, where)
        self._change(rows, item, change)
        self.good.loc[rows, item] = self.sent.loc[rows, item]
        for record in self.keys(rows, self.sent):
            self.faults.append(
                Fault(
                    kind, self.document.id, record, f"conflict:{self.document.item(item).attribute}", record, (), item
                )
            )
        return rows

    def duplicate(self, kind: str, count: int, item: str, change: Change) -> None:
        """Send `count` rows a second time with another value of `item`: nobody can say which is right, so both are held back."""
        rows = self._choose(count, None)
        again = self.sent.loc[rows].copy()
        again[item] = np.array([change(value) for value in again[item]], object)
        reasons = (f"{'+'.join(self._key)}.unique",)
        self.held[rows] = True
        for record in self.keys(rows, self.sent):
            self.faults += [Fault(kind, self.document.id, record, "quarantined", record, reasons)] * 2
        self.sent = pd.concat([self.sent, again], ignore_index=True)
        self.good = pd.concat([self.good, self.good.loc[rows]], ignore_index=True)
        self.held = np.concatenate([self.held, np.ones(len(rows), bool)])
        self._spoilt = np.concatenate([self._spoilt, np.ones(len(rows), bool)])

    def write_as(self, item: str, change: Change, normalisation: str) -> None:
        """Write a whole column in the source's own habit, which the declared normalisation undoes."""
        rows = np.flatnonzero(self.sent[item].notna().to_numpy())
        before = self.sent[item].to_numpy(object)[rows]
        self._change(rows, item, change)
        self.habits[f"{item}.{normalisation}"] += int((self.sent[item].to_numpy(object)[rows] != before).sum())

    def claims(self) -> pd.DataFrame:
        """Return the rows that must reach the library, as the library must hold them."""
        return self.good[~self.held]

    def keys(self, rows: Rows, frame: pd.DataFrame) -> list[str | None]:
        """Return the record keys of rows: the key items joined with '/', None where one is missing."""
        parts = [frame[item].to_numpy(object)[rows] for item in self._key]
        return [None if None in values else "/".join(values) for values in zip(*parts, strict=True)]

    @property
    def untouched(self) -> NDArray[np.bool_]:
        """Return which rows nothing has been done to."""
        return ~self._spoilt

    @property
    def _key(self) -> tuple[str, ...]:
        assert self.document.source is not None
        return self.document.source.key

    def _choose(self, count: int, where: Any) -> Rows:
        able = np.flatnonzero(self.untouched & (True if where is None else np.asarray(where, bool)))
        if len(able) < count:
            raise ValueError(f"{self.document.id} has {len(able)} rows for {count} faults")
        rows: Rows = np.sort(self.draw.choice(able, count, replace=False))
        self._spoilt[rows] = True
        return rows

    def _change(self, rows: Rows, item: str, change: Change) -> None:
        column = self.sent[item].to_numpy(object).copy()
        column[rows] = np.array([change(value) for value in column[rows]] + [None], object)[:-1]
        self.sent[item] = pd.Series(column, index=self.sent.index, dtype=object)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of text and None alone, rows numbered from 0."""
    columns = {}
    for name in frame.columns:
        values = frame[name].to_numpy(object, copy=True)
        values[frame[name].isna().to_numpy(bool)] = None
        columns[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns)
