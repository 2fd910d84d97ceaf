"""A register serves what holds: an entry that is over, withdrawn or repaired is not found, and nothing tells that it ever was."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from exchange_api.find import statement
from libraries import serving
from schemas.calendar import today
from schemas.library import LIBRARIES, library
from schemas.tables.library import golden_table

GRANT = "SQ-2026-000013"
DAY = timedelta(days=1)
SPEC = library("credit")


@pytest.fixture
def site(exchange_site: Any) -> Iterator[Any]:
    """The exchange without credit entries, before and after."""
    _forget(exchange_site)
    yield exchange_site
    _forget(exchange_site)


def _forget(site: Any) -> None:
    with Session(site.engine) as session:
        session.execute(delete(golden_table("credit")))
        session.commit()


def _hold(site: Any, **entries: dict[str, Any]) -> None:
    """Let the library hold entries about the company, named by their document."""
    width = len(SPEC.attribute_ids)
    trace = {"subject": site.company, "sources": [1] * width, "batches": [7] * width, "version": 1}
    with Session(site.engine) as session:
        for number, values in entries.items():
            parts = {part: "02" if part == "entry_kind" else number for part in SPEC.entry.from_}  # type: ignore[union-attr]
            row = {"entry": "/".join(parts.values()), "title": number, **parts, **trace, **values}
            session.execute(insert(golden_table("credit")), [row])
        session.commit()


def _ask(site: Any) -> Any:
    request, response = site.ask(site.asking(GRANT, [site.company]), "/v1/libraries/credit/query")
    entry = site.check(request, response)
    return json.loads(response.body)["records"], entry


def _titles(records: Sequence[Any]) -> set[str]:
    return {record["values"]["title"] for record in records}


def test_an_entry_is_served_on_its_last_day_and_not_the_day_after(site: Any) -> None:
    now = today()
    _hold(
        site, over={"state": "01", "valid_until": now - DAY}, lasting={"state": "01", "valid_until": now + DAY},
        endless={"state": "01"}, unstated={"valid_until": now + DAY},
    )  # fmt: skip
    assert _titles(_ask(site)[0]) == {"lasting", "endless", "unstated"}


@pytest.mark.parametrize("state", ["02", "03", "04", "05", "06"])
def test_an_entry_in_no_valid_state_is_not_found_and_leaves_no_hint(site: Any, state: str) -> None:
    _hold(site, gone={"state": state, "valid_until": today() + 100 * DAY, "fine_amount": 3})
    records, entry = _ask(site)
    assert records == [{"subject": site.company, "found": False}]
    assert json.loads(entry.document)["batches"] == []
    question = {
        "grant": GRANT,
        "purpose": site.purpose,
        "claims": [{"subject": site.company, "values": {"fine_amount": 3}}],
    }
    _, response = site.ask(question, "/v1/libraries/credit/verify")
    (verdict,) = json.loads(response.body)["verdicts"]
    assert verdict == {"subject": site.company, "found": False, "matches": {"fine_amount": False}}


def test_a_certificate_without_state_or_past_its_day_is_not_found(exchange_site: Any) -> None:
    asked = exchange_site.asking("SQ-2026-000009", subjects=[exchange_site.people[5]])
    width = len(library("certificate").attribute_ids)
    trace = {"subject": exchange_site.people[5], "sources": [1] * width, "batches": [7] * width, "version": 1}
    rows = [("lapsed", "01", today() - DAY), ("stateless", None, None), ("good", "01", today() + DAY)]
    table = golden_table("certificate")
    with Session(exchange_site.engine) as session:
        for name, state, until in rows:
            row = {"entry": name, "certificate_identifier": name, "state": state, "valid_until": until}
            session.execute(insert(table), [row | trace])
        session.commit()
    _, response = exchange_site.ask(asked, "/v1/certificates/query")
    assert [record["entry"] for record in json.loads(response.body)["records"]] == ["good"]


@pytest.mark.parametrize("name", SPEC.serving.until if SPEC.serving else ())
def test_every_last_day_ends_it_the_day_after(site: Any, name: str) -> None:
    last = date(2026, 3, 31)
    _hold(site, one={"state": "01", name: last})
    served = {day: _served_on(site, day) for day in (last - DAY, last, last + DAY)}
    assert served == {last - DAY: True, last: True, last + DAY: False}


def _served_on(site: Any, day: date) -> bool:
    """What the condition says of the one entry, after seeing that the words for stewards say the same."""
    query = f"SELECT c.*, {serving.condition(SPEC, ':day', 'c.')} AS served FROM library.credit c"
    with Session(site.engine) as session:
        (entry,) = session.execute(text(query), {"day": day}).mappings()
    assert entry["served"] == (serving.why_not(SPEC, dict(entry), day) is None)
    return bool(entry["served"])


def test_the_day_is_chinas(site: Any) -> None:
    with Session(site.engine) as session:
        moment = "'2026-03-31T16:30:00Z'::timestamptz"
        (day,) = session.execute(text(f"SELECT {serving.TODAY.replace('now()', moment)}")).one()
    assert day == date(2026, 4, 1)


@pytest.mark.parametrize("name", LIBRARIES)
def test_only_libraries_that_declare_it_ask_for_a_day(name: str) -> None:
    spec = library(name)
    asked = statement((name, spec.attribute_ids[:1], "subject"))
    assert (serving.TODAY in asked) == (spec.serving is not None)
