"""The feed against what merges, retractions and changes of identity really write: a copy kept by it is the library, at every moment."""

import asyncio
from datetime import date, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from exchange_api.feeds import changes
from exchange_api.feeds.changes import Page, Teller
from exchange_api.feeds.happenings import Happenings
from exchange_api.grant.rows import compile_rows
from exchange_api.grant.terms import RowRule
from exchange_api.masking import compile_mask
from exchange_api.permit import GrantedItem, Permit
from exchange_api.prepared import Prepared
from libraries import history, ingest, sql
from libraries.history import KEEP, NEXT_MOMENT, NEXT_VERSION
from libraries.horizon import HORIZON, announce, number_of, settled
from libraries.retracting import retract
from schemas.database import libpq_uri, transaction
from schemas.library import library
from tests.libraries.conftest import hub, libraries_database, resident, residents  # noqa: F401

SPEC = library("population")
RESIDENT = "public_security.resident"
FORMS: dict[str, Any] = {"name": "full", "phone": "masked"}


def _permit(rules: tuple[RowRule, ...] = ()) -> Permit:
    items = {
        name: GrantedItem(name, form, compile_mask(SPEC.attribute(name), form), SPEC.attribute_ids.index(name), "v")
        for name, form in FORMS.items()
    }
    return Permit(
        id="g", application_id="a", library="population", service_item_id="s", state="active", suspended_by=(), is_case_required=False,
        is_source_shown=False, quota_per_day=1, subjects_per_call=1, valid_from=date.min, valid_until=date.max, items=items,
        rows=rules, admits=compile_rows(rules),
    )  # fmt: skip


class Copy:
    """A consumer in this process."""

    def __init__(self, permit: Permit, limit: int, slice_size: int) -> None:
        self.teller, self.limit, self.slice_size = Teller(permit, b"secret"), limit, slice_size
        self.place: tuple[datetime, str | None] | None = None
        self.kept: dict[str, Any] = {}
        self.told: list[dict[str, Any]] = []

    def follow(self) -> datetime:
        """Take in all there is; until when."""
        return asyncio.run(self._follow())

    async def _follow(self) -> datetime:
        async with asyncpg.create_pool(libpq_uri("exchange"), min_size=1, max_size=2) as pool:
            prepared = Prepared(pool, 1)
            until = settled((await prepared.fetch(HORIZON, number_of("population")))[0])
            happenings = Happenings(prepared, self.slice_size)
            if self.place is None:
                self.place, page = (until, None), Page()
                while not page.is_all:
                    page = await changes.stock_after(prepared, self.teller, (self.place, self.limit))
                    self._take(page)
            page = Page()
            while not page.is_all:
                assert self.place is not None
                page = await changes.changes_after(prepared, happenings, self.teller, (self.place, until, self.limit))
                self._take(page)
            await prepared.close()
        return until

    def _take(self, page: Page) -> None:
        for change in page.changes:
            assert (change["change"] == "added") == (change["subject"] not in self.kept)
            if change["change"] == "removed":
                del self.kept[change["subject"]]
            else:
                self.kept[change["subject"]] = change["values"]
        self.told += page.changes
        self.place = page.end


def _believed(teller: Teller, moment: datetime) -> dict[str, Any]:
    """What the grant shows of all records at a moment, read in one go and judged row by row."""
    query = f"SELECT * FROM {history.believed(SPEC, 'CAST(:moment AS timestamptz)')} AS b"
    with transaction("reader") as session:
        rows = session.execute(text(query), {"moment": moment}).mappings().all()
    admits = compile_rows(teller.rules) or bool
    return {
        row["subject"]: {item.attribute: item.mask(row[item.attribute]) for item in teller.items}
        for row in rows
        if admits(row)
    }


def test_the_copy_is_the_library_through_merges_and_a_retraction(hub: Any) -> None:  # noqa: F811
    hub.publish()
    people = residents(60)
    copy = Copy(_permit(), limit=7, slice_size=16)
    hub.fill(people)
    ingest.ingest(RESIDENT, "1")
    assert _believed(copy.teller, copy.follow()) == copy.kept
    assert len(copy.kept) == 60
    renamed = [row | {"xm": f"改{n}"} if n % 3 == 0 else row for n, row in enumerate(people)]
    hub.fill(renamed[5:])
    wrong = ingest.ingest(RESIDENT, "2")
    assert _believed(copy.teller, copy.follow()) == copy.kept
    assert {one["change"] for one in copy.told} == {"added", "changed", "removed"}
    hub.fill([*renamed[5:], resident(people[0]["gmsfhm"], "回来")])
    ingest.ingest(RESIDENT, "3")
    late = Copy(_permit(), limit=50, slice_size=1_000)
    late.follow()
    retract.retract(wrong, reason="错列", by="chen")
    assert _believed(copy.teller, copy.follow()) == copy.kept
    late.follow()
    assert late.kept == copy.kept
    assert copy.kept[people[0]["gmsfhm"]]["name"] == "回来"


_KEYS = st.integers(0, 7)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "change", "hide", "remove", "follow", "other"]), _KEYS), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS, limit=st.integers(1, 4))
def test_any_history_told_in_any_pages_ends_as_the_library(
    hub: Any,  # noqa: F811, ARG001 - the libraries' database
    steps: list[tuple[str, int]],
    limit: int,
) -> None:
    rules = (RowRule(attribute="sex", values=("1",)),)
    copy = Copy(_permit(rules), limit, slice_size=3)
    with transaction("ingest") as session:
        session.execute(text("TRUNCATE library.population, library.population_history"))
    for number, (what, key) in enumerate(steps):
        if what == "follow":
            copy.follow()
        else:
            _write(what, f"3301061990030700{key}X", number)
    assert _believed(copy.teller, copy.follow()) == copy.kept


_BY_STEP = {
    "change": "name = CAST(:n AS text)", "other": "school = CAST(:n AS text)", "hide": "sex = CASE sex WHEN '1' THEN '2' ELSE '1' END",
}  # fmt: skip


def _write(what: str, key: str, number: int) -> None:
    words = sql.words("population")
    with transaction("ingest") as session:
        now = announce(session, "population")
        width = len(SPEC.attribute_ids)
        if what == "add":
            moment, version = (one.format_map(words) for one in (NEXT_MOMENT, NEXT_VERSION))
            statement = (
                f"INSERT INTO library.population (subject, name, sex, sources, batches, version, recorded_at) SELECT i.subject, CAST(:n AS text), '1',"
                f" array_fill(1, ARRAY[{width}])::smallint[], array_fill(7, ARRAY[{width}]), {version}, {moment}"
                " FROM (SELECT CAST(:key AS text) AS subject) i ON CONFLICT DO NOTHING"
            )
        elif what == "remove":
            statement = "WITH moved AS (DELETE FROM {golden} WHERE subject = :key RETURNING *)".format_map(
                words
            ) + KEEP.format_map(words)
        else:
            change = f"UPDATE {words['golden']} g SET {_BY_STEP[what]}, version = version + 1, recorded_at = GREATEST(:now, g.recorded_at)"
            statement = f"WITH moved AS ({change} WHERE subject = :key RETURNING old.*)" + KEEP.format_map(words)
        session.execute(text(statement), {"key": key, "now": now, "n": str(number)})
