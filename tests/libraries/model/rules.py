"""The rules of the base libraries written out slowly: every answer is made from scratch out of everything that was ever said, with dictionaries and loops.

What is true of one source is what its standing batches leave, merged in the order in which they merged; a golden record takes each attribute from the
highest authority that has a value, then the latest, then the lower source; a ruling before all.
"""

from dataclasses import dataclass, field
from typing import Any

from schemas.library import library

SPEC = library("population")
ATTRIBUTES = ("name", "education", "phone")
Values = tuple[str | None, ...]
SNAPSHOTS = ("public_security.resident", "education.graduate")
SOURCES = (*SNAPSHOTS, "civil_affairs.marriage")
RULING = "ruling"


@dataclass
class Said:
    """One batch: who, when, what; `held`: keys it held back; `mends`: the batch whose held row it replays; `part`: a past period."""

    id: str
    source: str
    day: int
    rows: dict[str, Values]
    held: frozenset[str] = frozenset()
    mends: "Said | None" = None
    part: bool = False
    turn: int | None = None  # its place among the merges
    retracted: bool = False

    @property
    def stands(self) -> bool:
        return self.turn is not None and not self.retracted

    @property
    def is_partial(self) -> bool:
        return self.mends is not None or self.part

    @property
    def is_whole(self) -> bool:
        return self.source in SNAPSHOTS and not self.is_partial

    @property
    def said_on(self) -> int:
        return self.mends.day if self.mends else self.day


@dataclass(frozen=True)
class Claim:
    """A source's word on a key."""

    values: Values
    batch: str
    day: int


@dataclass
class Model:
    """Everything that was ever said."""

    said: list[Said] = field(default_factory=list)
    rulings: dict[tuple[str, str], str] = field(default_factory=dict)

    def merged(self) -> list[Said]:
        return sorted((one for one in self.said if one.stands), key=lambda one: one.turn or 0)

    def merge(self, batch: Said) -> None:
        batch.turn = max((one.turn or 0 for one in self.said), default=0) + 1

    def is_overtaken(self, batch: Said) -> bool:
        """A whole snapshot older than one that stands is refused."""
        newer = (one for one in self.merged() if one.source == batch.source and not one.is_partial)
        return batch.is_whole and any(one.day > batch.day for one in newer)

    def claims(self, source: str) -> dict[str, Claim]:
        """Replay the source's standing batches."""
        known: dict[str, Claim] = {}
        own = [one for one in self.merged() if one.source == source]
        for place, batch in enumerate(own):
            if not self._is_late(batch, own[:place]):
                _follow(known, batch)
        return known

    def _is_late(self, batch: Said, before: list[Said]) -> bool:
        if batch.mends is None or batch.source not in SNAPSHOTS:
            return False
        return any(one.day > batch.mends.day for one in before if not one.is_partial)

    def golden(self) -> dict[str, dict[str, tuple[str, str]]]:
        """Return key → attribute → (value, batch); of a ruled value the batch is RULING."""
        told = {source: self.claims(source) for source in SOURCES}
        keys = {key for claims in told.values() for key in claims}  # a ruling alone makes no record
        return {key: self._record(key, told) for key in keys}

    def _record(self, key: str, told: dict[str, dict[str, Claim]]) -> dict[str, tuple[str, str]]:
        record = {}
        for place, attribute in enumerate(ATTRIBUTES):
            authority = SPEC.attribute(attribute).authority
            ranked: list[Any] = []
            for number, source in enumerate(SOURCES):
                claim = told[source].get(key)
                if claim is not None and claim.values[place] is not None:
                    department = source.split(".")[0]
                    rank = authority.index(department) if department in authority else 99
                    ranked.append((rank, -claim.day, number, claim.values[place], claim.batch))
            if (key, attribute) in self.rulings:
                ranked.append((-1, 0, 0, self.rulings[key, attribute], RULING))
            if ranked:
                record[attribute] = min(ranked)[3:]
        return record


def _follow(known: dict[str, Claim], batch: Said) -> None:
    """A row replaces what was said otherwise, a whole snapshot takes back what it neither holds nor held back; neither what was said later."""
    for key, values in batch.rows.items():
        if key not in known or (known[key].values != values and known[key].day <= batch.said_on):
            known[key] = Claim(values, batch.id, batch.said_on)
    if batch.is_whole:
        for key in [*known]:
            if key not in batch.rows and key not in batch.held and known[key].day <= batch.said_on:
                del known[key]
