"""A source may say from which day on something is true in the world. The day travels with the claim; it is no attribute of the library."""

from datetime import date
from typing import Any

from libraries.auditing import hashes

PS, HR = "public_security.resident", "human_resources.insured"
CLAIMS = "SELECT subject, effective_from, version FROM library.population_claims ORDER BY source, subject"
PAST = "SELECT subject, effective_from, version FROM library.population_past_claims ORDER BY version"


def _moved(address: str, day: date | None) -> dict[str, Any]:
    return {"subject": "a", "address": address, "effective_from": day}


def test_the_day_is_kept_with_the_claim_and_with_what_it_replaced(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [_moved("文一路1号", date(2020, 5, 1)), {"subject": "b", "address": "文二路2号"}])
    hub.merge(PS, [_moved("文三路3号", date(2024, 7, 1)), {"subject": "b", "address": "文二路2号"}])
    assert [row["effective_from"] for row in hub.rows(CLAIMS)] == [date(2024, 7, 1), None]
    assert [row["effective_from"] for row in hub.rows(PAST)] == [date(2020, 5, 1)]


def test_another_day_alone_is_a_change_and_the_same_day_is_none(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [_moved("文一路1号", date(2020, 5, 1))])
    assert hub.merge(PS, [_moved("文一路1号", date(2020, 5, 1))]).claims_changed == 0
    report = hub.merge(PS, [_moved("文一路1号", date(2020, 6, 1))])
    assert (report.claims_changed, report.golden_changed) == (1, 1)  # golden: another batch said it last
    assert hub.rows(CLAIMS) == [{"subject": "a", "effective_from": date(2020, 6, 1), "version": 2}]


def test_a_delivery_with_empty_days_equals_one_without_any(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "address": "文一路1号"}])
    assert hub.merge(PS, [_moved("文一路1号", None)]).claims_changed == 0


def test_the_first_batch_of_a_second_source_brings_its_days_too(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(HR)
    hub.merge(PS, [_moved("文一路1号", date(2020, 5, 1))])
    hub.merge(HR, [{"subject": "a", "phone": "1", "effective_from": date(2021, 1, 1)}])
    assert [row["effective_from"] for row in hub.rows(CLAIMS)] == [date(2020, 5, 1), date(2021, 1, 1)]


def test_every_claim_says_when_the_hub_learned_it(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(HR)
    hub.merge(PS, [_moved("文一路1号", None)])
    hub.merge(HR, [{"subject": "a", "phone": "1"}])
    hub.merge(PS, [_moved("文三路3号", None)])
    learned = hub.rows(
        """SELECT c.recorded_at = g.recorded_at AS now, p.recorded_at < p.superseded_at AS before, p.superseded_at = c.recorded_at AS seamless
        FROM library.population_claims c JOIN library.population g USING (subject) JOIN library.population_past_claims p USING (subject, source)"""
    )
    assert learned == [{"now": True, "before": True, "seamless": True}]


def test_the_audit_finds_the_hashes_of_claims_with_days_right(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [_moved("文一路1号", date(2020, 5, 1)), {"subject": "b", "address": "文二路2号"}])
    assert hashes.check("population", lambda _: None) == (2, 0, [])
