"""Why: what a record was just before a moment and at it, as far as it could be handed out on those days. Called by `changes`.

One question to the database for many records: each version that ended at the moment or later and began by then, with whether it was served before and after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from exchange_api.feeds.happenings import Happening
from exchange_api.prepared import Prepared
from libraries import history, serving, sql
from libraries.timeline import day_of
from schemas.library import Library, library

Row = Mapping[str, Any]
HEAD = 5
"""How many columns of a row come before the wanted ones, which stand in their order: read by place, thousands of them a second."""
JUST = timedelta(microseconds=1)
"""PostgreSQL's own grain of time: nothing lies between a moment and the one before it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One record before a happening and after it, None where there was nothing to hand out."""

    happening: Happening
    before: Row | None
    after: Row | None


async def pairs(
    prepared: Prepared, spec: Library, columns: tuple[str, ...], happened: Sequence[Happening]
) -> list[Pair]:
    """Return what each happening made of its record, in their order."""
    moments = [one.at for one in happened]
    given: list[Any] = [[one.key for one in happened], moments]
    if spec.serving:
        days: dict[datetime, tuple[date, date]] = {at: (day_of(at - JUST), day_of(at)) for at in set(moments)}
        given += [[days[at][0] for at in moments], [days[at][1] for at in moments]]
    made: list[list[Row | None]] = [[None, None] for _ in happened]
    for row in await prepared.fetch(_statement(spec.library, columns), *given):
        place, since, until, is_served_before, is_served_after = row[:HEAD]
        at, both = moments[place - 1], made[place - 1]
        if since < at and is_served_before:
            both[0] = row
        if (until is None or until > at) and is_served_after:
            both[1] = row
    return [Pair(one, *both) for one, both in zip(happened, made, strict=True)]


async def stock(
    prepared: Prepared, spec: Library, columns: tuple[str, ...], place: tuple[datetime, str, int]
) -> list[Row]:
    """Return the records held at a moment after a key, in key order; place: moment, key, and how many at most."""
    moment, key, most = place
    given = [moment, key, most, *([day_of(moment)] if spec.serving else [])]
    rows: list[Row] = await prepared.fetch(_stock_statement(spec.library, columns), *given)
    return rows


def held_in_order(spec: Library, listed: str, conditions: str, given: tuple[str, str, str]) -> str:
    """Return the SQL of the records `b` held at a moment after a key, in key order, at most so many; given: SQL of moment, key and number.

    Golden records and history are each read along their own index: over both together the server would sort all there is for every page. History only as
    far as the golden records of the page go.
    """
    words, (moment, key, most) = sql.words(spec.library), given
    after = f"b.{spec.key} > {key}"
    last = f"SELECT CASE WHEN count(*) = {most} THEN max(record_key) END FROM g"  # noqa: S608 - names of our own definition only
    golden = f"SELECT *, recorded_at AS since FROM {words['golden']}"  # noqa: S608
    past = f"SELECT *, known_from AS since FROM {words['history']}"  # noqa: S608
    rest = f"{conditions} AND {after} ORDER BY b.{spec.key} LIMIT {most}"
    return (
        f"WITH g AS MATERIALIZED (SELECT b.{spec.key} AS record_key, {listed} FROM ({golden}) AS b WHERE b.recorded_at <= {moment} AND {rest}),"  # noqa: S608
        f" h AS (SELECT b.{spec.key} AS record_key, {listed} FROM ({past}) AS b WHERE b.known_from <= {moment} AND b.known_to > {moment}"
        f" AND b.{spec.key} <= COALESCE(({last}), chr(1114111)) AND {rest})"
        f" SELECT * FROM (SELECT * FROM g UNION ALL SELECT * FROM h) AS held_then ORDER BY record_key LIMIT {most}"
    )


@cache
def _stock_statement(name: str, columns: tuple[str, ...]) -> str:
    spec = library(name)
    held = history.believed(spec, "$1::timestamptz")
    served = serving.condition(spec, "$4::date", "b.", held) if spec.serving else "true"
    listed = f"b.since, NULL, true, true, {_listed(spec, columns, 'b.')}"
    return held_in_order(spec, listed, served, ("$1::timestamptz", "$2::text", "$3::int"))


@cache
def _statement(name: str, columns: tuple[str, ...]) -> str:
    spec, words = library(name), sql.words(name)
    judged = (spec.serving.state, *spec.serving.until) if spec.serving else ()
    own = ", ".join(dict.fromkeys((spec.key, "subject", *columns, *judged, "sources", "batches")))
    listed = _listed(spec, columns, "b.")
    names, arrays = "key, at", "$1::text[], $2::timestamptz[]"
    before = after = "true"
    if spec.serving:
        names, arrays = "key, at, eve, day", f"{arrays}, $3::date[], $4::date[]"
        just = "(c.at - interval '1 microsecond')"
        before = serving.condition(spec, "c.eve", "b.", history.believed(spec, just))
        after = serving.condition(spec, "c.day", "b.", history.believed(spec, "c.at"))
    return (
        f"SELECT c.n::int, b.since, b.until, {before} AS is_served_before, {after} AS is_served_after, {listed}"  # noqa: S608 - as above
        f" FROM unnest({arrays}) WITH ORDINALITY AS c ({names}, n) CROSS JOIN LATERAL ("
        f"SELECT {own}, recorded_at AS since, NULL::timestamptz AS until FROM {words['golden']} WHERE {spec.key} = c.key AND recorded_at <= c.at"
        f" UNION ALL SELECT {own}, known_from, known_to FROM {words['history']}"
        f" WHERE {spec.key} = c.key AND known_from <= c.at AND known_to >= c.at) AS b"
    )


def _listed(spec: Library, columns: tuple[str, ...], row: str) -> str:
    """Return what is read of a version, the wanted columns first; where its values come from as text, because most rows say the same and one is read once."""
    named = ", ".join(f"{row}{one}" for one in dict.fromkeys((*columns, "subject", spec.key)))
    return f"{named}, {row}sources::text AS sources, {row}batches::text AS batches"
