"""Why: what a record was just before a moment and at it, as far as it could be handed out on those days. Called by `changes`.

One question to the database for many records: each version that ended at the moment or later and began by then, with whether it was served before and after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from exchange_api.feeds.happenings import Happened
from exchange_api.prepared import Prepared
from libraries import history, serving, sql
from libraries.timeline import day_of
from schemas.library import Library, library

Row = Sequence[Any]
HEAD = 4
"""How many columns of a row come before the wanted ones: its place or moment, FLAGS, its subject, where its values came from."""
BEFORE, AFTER, OTHER_SUBJECT, DIFFERS = 1, 2, 4, 8
"""Bits of the flags: there was something to hand out before, there is after, of another subject; from DIFFERS on, one for each wanted column that differs."""
JUST = timedelta(microseconds=1)
"""PostgreSQL's own grain of time: nothing lies between a moment and the one before it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are read: of what holds after, and again of what held before where the difference alone does not tell what the grant shows of it."""

    after: tuple[str, ...]
    before: tuple[str, ...]


async def pairs(prepared: Prepared, spec: Library, wanted: Wanted, happened: Happened) -> list[Row]:
    """Return what each happening made of its record, in their order: HEAD, the columns after it, then those before it."""
    moments = happened.moments
    given: list[Any] = [happened.keys, moments]
    if spec.serving:
        days: dict[datetime, tuple[date, date]] = {at: (day_of(at - JUST), day_of(at)) for at in set(moments)}
        given += [[days[at][0] for at in moments], [days[at][1] for at in moments]]
    rows: list[Row] = await prepared.fetch(_statement(spec.library, wanted), *given)
    rows.sort(key=itemgetter(0))  # they are in order, as the server joins; but it does not promise
    return rows


async def stock(prepared: Prepared, spec: Library, wanted: Wanted, place: tuple[datetime, str, int]) -> list[Row]:
    """Return the records held at a moment after a key, in key order; place: moment, key, and how many at most. Rows as of `pairs`, then `since` and key."""
    moment, key, most = place
    given = [moment, key, most, *([day_of(moment)] if spec.serving else [])]
    rows: list[Row] = await prepared.fetch(_stock_statement(spec.library, wanted.after), *given)
    return rows


_TRACES = "{row}.sources::text || {row}.batches::text"
"""Where a version's values came from, as text: most rows say the same, and what is said once is read once."""


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
    listed = ", ".join(("b.subject", f"{_TRACES.format(row='b')} AS traces", *(f"b.{one}" for one in columns)))
    found = held_in_order(spec, f"{listed}, b.since", served, ("$1::timestamptz", "$2::text", "$3::int"))
    named = ", ".join((*(f"f.{one}" for one in columns), "f.since", "f.record_key"))
    return f"SELECT 0, {AFTER}::bigint, f.subject, f.traces, {named} FROM ({found}) AS f ORDER BY f.record_key"  # noqa: S608 - names of our own definition only


@cache
def _statement(name: str, wanted: Wanted) -> str:
    spec = library(name)
    names, arrays = "key, at", "$1::text[], $2::timestamptz[]"
    eve = day = ""
    if spec.serving:
        names, arrays = "key, at, eve, day", f"{arrays}, $3::date[], $4::date[]"
        just = "(c.at - interval '1 microsecond')"
        eve = f" WHERE {serving.condition(spec, 'c.eve', 'v.', history.believed(spec, just))}"
        day = f" WHERE {serving.condition(spec, 'c.day', 'v.', history.believed(spec, 'c.at'))}"
    was = ("history", "known_from < c.at AND known_to >= c.at"), ("golden", "recorded_at < c.at")
    then = ("golden", "recorded_at <= c.at"), ("history", "known_from <= c.at AND known_to > c.at")
    before, after = _version(spec, was, eve), _version(spec, then, day)
    differs = "".join(
        f" + CASE WHEN b.{one} IS DISTINCT FROM a.{one} THEN {DIFFERS << n}::bigint ELSE 0 END"
        for n, one in enumerate(wanted.after)
    )
    flags = (
        f"CASE WHEN b.subject IS NULL THEN CASE WHEN a.subject IS NULL THEN 0 ELSE {AFTER} END"
        f" WHEN a.subject IS NULL THEN {BEFORE} ELSE {BEFORE | AFTER}"
        f" + CASE WHEN a.subject <> b.subject THEN {OTHER_SUBJECT} ELSE 0 END{differs} END"
    )
    listed = ", ".join(
        (_TRACES.format(row="a"), *(f"a.{one}" for one in wanted.after), *(f"b.{one}" for one in wanted.before))
    )
    return (
        f"SELECT c.n, ({flags})::bigint, COALESCE(a.subject, b.subject) AS subject, {listed}"  # noqa: S608 - as above
        f" FROM unnest({arrays}) WITH ORDINALITY AS c ({names}, n) LEFT JOIN LATERAL ({before}) AS b ON true"
        f" LEFT JOIN LATERAL ({after}) AS a ON true"
    )


def _version(spec: Library, held: tuple[tuple[str, str], tuple[str, str]], served: str) -> str:
    """Return the SQL of the one version of `c.key` that was held: looked for where it mostly is, then in the other table; none where it was not served."""
    words = sql.words(spec.library)
    parts = " UNION ALL ".join(
        f"SELECT {_columns(spec)} FROM {words[table]} WHERE {spec.key} = c.key AND {condition}"  # noqa: S608 - as above
        for table, condition in held
    )
    return f"SELECT v.* FROM (SELECT * FROM ({parts}) AS u LIMIT 1) AS v{served}"  # noqa: S608


def _columns(spec: Library) -> str:
    return ", ".join(dict.fromkeys((spec.key, "subject", *spec.attribute_ids, "sources", "batches")))
