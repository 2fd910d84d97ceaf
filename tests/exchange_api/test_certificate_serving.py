"""A certificate is found by each of its holders, under the code that was asked, and only its newest version in force is served."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from schemas.calendar import today
from schemas.identifiers import issue_certificate_identifier, next_certificate_version
from schemas.library import library
from schemas.tables.library import golden_table

GRANT = "SQ-2026-000009"
ISSUER = "11330199999900038J"
FIRST = issue_certificate_identifier(f"{ISSUER}001", ISSUER, "2026000077")
SECOND = next_certificate_version(FIRST)
THIRD = next_certificate_version(SECOND)
DAY = timedelta(days=1)


@pytest.fixture
def site(exchange_site: Any) -> Iterator[Any]:
    """The exchange without certificates of these people, before and after."""
    _forget(exchange_site)
    yield exchange_site
    _forget(exchange_site)


def _forget(site: Any) -> None:
    table = golden_table("certificate")
    with Session(site.engine) as session:
        session.execute(delete(table).where(table.c.subject.in_(site.people[20:24])))
        session.commit()


def _hold(site: Any, entry: str, **values: Any) -> None:
    width = len(library("certificate").attribute_ids)
    trace = {"subject": site.people[20], "sources": [1] * width, "batches": [7] * width, "version": 1}
    row = {"entry": entry, "certificate_identifier": entry, "state": "01", "holder_name": "欧阳甲"}
    with Session(site.engine) as session:
        session.execute(insert(golden_table("certificate")), [row | trace | values])
        session.commit()


def _by(site: Any, *holders: str) -> Any:
    request, response = site.ask(site.asking(GRANT, list(holders)), "/v1/certificates/query")
    site.check(request, response)
    return json.loads(response.body)["records"]


def test_every_holder_finds_it_under_the_code_that_was_asked(site: Any) -> None:
    first, second, third, stranger = site.people[20:24]
    _hold(site, FIRST, holder_codes=f"{second};{third}")
    for asked in (first, second, third):
        assert [(one["subject"], one["entry"]) for one in _by(site, asked)] == [(asked, FIRST)]
        (told,) = _by(site, asked)
        assert not any(other in json.dumps(told) for other in (first, second, third) if other != asked)
    assert _by(site, stranger) == [{"subject": stranger, "found": False}]


def test_holders_asked_together_are_answered_each(site: Any) -> None:
    first, second, *_ = site.people[20:24]
    _hold(site, FIRST, holder_codes=f"{second};{first}")  # a source that repeats the first holder among the others
    assert [(one["subject"], one["found"]) for one in _by(site, second, first)] == [(second, True), (first, True)]


def test_a_holder_does_not_find_what_is_not_served(site: Any) -> None:
    second = site.people[21]
    _hold(site, FIRST, holder_codes=second, state="04")
    assert _by(site, second) == [{"subject": second, "found": False}]


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_the_newer_version_supersedes_in_whatever_order_they_come(site: Any, order: tuple[str, str]) -> None:
    for entry in order:
        _hold(site, entry)
    assert [one["entry"] for one in _by(site, site.people[20])] == [SECOND]
    asked = {"grant": GRANT, "purpose": site.purpose, "identifiers": [FIRST]}
    _, response = site.ask(asked, "/v1/certificates/query")
    assert json.loads(response.body)["records"] == [{"identifier": FIRST, "found": False}]


def test_a_revoked_newer_version_does_not_bring_the_older_back(site: Any) -> None:
    _hold(site, FIRST)
    _hold(site, SECOND, state="07")
    assert _by(site, site.people[20]) == [{"subject": site.people[20], "found": False}]


@pytest.mark.parametrize("is_draft", [True, False])
def test_a_draft_or_a_version_of_tomorrow_supersedes_nothing_yet(site: Any, is_draft: bool) -> None:
    _hold(site, FIRST)
    _hold(site, SECOND, valid_from=today())
    _hold(site, THIRD, **({"state": "00"} if is_draft else {"valid_from": today() + DAY}))
    assert SECOND in [one["entry"] for one in _by(site, site.people[20])]
    assert FIRST not in [one["entry"] for one in _by(site, site.people[20])]


def test_certificates_of_other_serials_stay_apart(site: Any) -> None:
    others = [issue_certificate_identifier(f"{ISSUER}001", ISSUER, serial, 2) for serial in ("202600007", "2026000078")]
    for entry in (FIRST, *others):
        _hold(site, entry)
    assert {one["entry"] for one in _by(site, site.people[20])} == {FIRST, *others}


def test_at_an_earlier_moment_the_version_believed_then_is_found(site: Any) -> None:
    now = datetime.now(UTC)
    _hold(site, FIRST, recorded_at=now - 3 * DAY)
    _hold(site, SECOND, recorded_at=now - DAY)
    asked = site.asking(GRANT, [site.people[20]]) | {"known_at": (now - 2 * DAY).isoformat()}
    _, response = site.ask(asked, "/v1/certificates/query")
    assert [one["entry"] for one in json.loads(response.body)["records"]] == [FIRST]
    assert [one["entry"] for one in _by(site, site.people[20])] == [SECOND]


def test_a_version_that_came_this_moment_is_settled_before_the_older_is_gone(site: Any) -> None:
    """The newer version may be about another holder: only its number tells that the older one stood a moment ago."""
    first, second, *_ = site.people[20:24]
    _hold(site, FIRST, recorded_at=datetime.now(UTC) - 3 * DAY)
    _by(site, first)
    _hold(site, SECOND, subject=second)
    question = site.asking(GRANT, [first])
    _, response = site.ask(question, "/v1/certificates/query")
    said = json.loads(response.body)
    _, again = site.ask(question | {"known_at": said["known_at"]}, "/v1/certificates/query")
    assert json.loads(again.body)["records"] == said["records"]
