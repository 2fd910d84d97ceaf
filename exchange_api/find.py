"""Why: golden records by key, quickly. Concurrent look-ups of the same columns share one prepared statement and one round trip; only granted columns
are read. Called by delivery; it writes nothing and masks nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal

from exchange_api.grouping import Grouping
from exchange_api.prepared import Prepared
from libraries import serving
from libraries.claims import RULING
from schemas.library import Library, library

By = Literal["subject", "entry"]
Rows = list[Any]
RULED_BY = "steward.ruling"
Wanted = tuple[str, tuple[str, ...], By]
"""Library, columns, and the column to look up by."""


class Finder:
    """Looks records up for one worker."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._groups: dict[Wanted, Grouping[tuple[str, ...], Rows]] = {}

    async def find(self, wanted: Wanted, keys: tuple[str, ...]) -> Rows:
        """Return the records of these keys as rows with the wanted columns, `subject`, `sources`, `batches`, `version`, `recorded_at` (and `entry`)."""
        group = self._groups.get(wanted)
        if group is None:
            group = self._groups[wanted] = Grouping(partial(self._look_up, statement(wanted), wanted[2]), limit=64)
        return await group.submit(keys)

    async def _look_up(self, sql: str, by: By, questions: Sequence[tuple[str, ...]]) -> list[Rows]:
        if len(questions) == 1:
            return [await self._prepared.fetch(sql, questions[0])]
        found: dict[str, Rows] = defaultdict(list)
        for row in await self._prepared.fetch(sql, list({key for keys in questions for key in keys})):
            found[row[by]].append(row)
        return [[row for key in keys for row in found.get(key, ())] for keys in questions]


def statement(wanted: Wanted, held: str | None = None, day: str = serving.TODAY, further: str = "") -> str:
    """Return the look-up's SQL; every name in it comes from the library's definition. A register's entry that is not served on `day` is not there.

    held: a derived table in place of the golden records (`exchange_api.moments`); further: a condition more.
    """
    name, columns, by = wanted
    spec = library(name)
    assert set(columns) <= set(spec.attribute_ids)
    assert by in ("subject", spec.key)
    keys = ("subject",) if spec.key == "subject" else ("subject", "entry")
    order = "" if spec.key == "subject" else " ORDER BY entry"
    listed = ", ".join((*keys, *(column for column in columns), "sources", "batches", "version", "recorded_at"))
    served = (f" AND {serving.condition(spec, day, among=held)}" if spec.serving else "") + further
    table = f"{held} AS held_then" if held else f"library.{spec.library}"
    found = f"SELECT {listed} FROM {table} WHERE {by} = ANY($1::text[]){served}"  # noqa: S608 - names of our own definition only
    if spec.further_subjects and by == "subject":
        found += f" UNION ALL {_held_together(spec, listed, (table, served))}"
    return found + order


def _held_together(spec: Library, listed: str, rest: tuple[str, str]) -> str:
    """Return the look-up of entries that are also about a subject, each as that subject's own: who asks by one holder is not told another's code."""
    further, (table, served) = spec.further_subjects, rest
    also = f"string_to_array({further}, ';')"
    listed = listed.replace("subject", "held.also AS subject", 1)
    return (
        f"SELECT {listed} FROM {table}, unnest({also}) AS held (also)"  # noqa: S608 - names of our own definition only
        f" WHERE {further} IS NOT NULL AND {also} && $1::text[] AND held.also = ANY($1::text[]) AND held.also <> subject{served}"
    )


class Names:
    """Ids of resources and batches by the short numbers that golden records carry; both never change once given. A steward's ruling is neither: its
    values bear the source 0 and the batch of its own id, negative.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.resources: dict[int, str] = {RULING: RULED_BY}
        self.batches: dict[int, str] = {}

    async def learn(self, resources: Iterable[int], batches: Iterable[int]) -> None:
        """Fetch the names not yet known."""
        if missing := set(resources) - self.resources.keys():
            rows = await self._pool.fetch(
                "SELECT number, id FROM directory.resources WHERE number = ANY($1::int[])", list(missing)
            )
            self.resources.update((row["number"], row["id"]) for row in rows)
        missing = set(batches) - self.batches.keys()
        self.batches.update((number, f"ruling:{-number}") for number in missing if number < 0)
        if missing := missing - self.batches.keys():
            rows = await self._pool.fetch(
                "SELECT number, id FROM landing.batches WHERE number = ANY($1::int[])", list(missing)
            )
            self.batches.update((row["number"], row["id"]) for row in rows)
