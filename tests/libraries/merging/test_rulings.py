"""A steward's word counts before all, until it is taken back; then everything is as it was."""

from datetime import date
from typing import Any

import pytest

from libraries import rulings
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from schemas.grounds import Grounds

PS, CA, HR = "public_security.resident", "civil_affairs.marriage", "human_resources.insured"
SEEN = Grounds("核对了户籍底档", "王管家")
ERRED = Grounds("底档是另一人的", "王管家")


@pytest.fixture
def told(hub: Any) -> Any:
    for name in (PS, CA, HR):
        hub.resource(name)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "birth_date": date(1990, 1, 2), "sex": "1"}])
    hub.merge(HR, [{"subject": "a", "name": "张玮玮", "phone": "13900000000", "sex": "1"}])
    return hub


def rule(values: dict[str, str], key: str = "a", of: str = "population") -> list[int]:
    with transaction("ingest") as session:
        return [ruling.id for ruling in rulings.rule(session, of, key, values, SEEN)]


def withdraw(ruling: int) -> None:
    with transaction("ingest") as session:
        rulings.withdraw(session, ruling, ERRED)


def conflicts(hub: Any) -> dict[str, tuple[bool, int | None]]:
    rows = hub.rows("SELECT attribute, closed_at IS NULL AS open, ruling FROM library.conflicts")
    return {row["attribute"]: (row["open"], row["ruling"]) for row in rows}


def record(hub: Any, of: str = "population") -> dict[str, Any]:
    (row,) = hub.rows(f"SELECT * FROM library.{of}")
    return {name: value for name, value in row.items() if name not in ("version", "recorded_at")}


def test_a_ruling_wins_names_itself_and_closes_the_conflict(told: Any) -> None:
    assert conflicts(told) == {"name": (True, None)}
    (ruling,) = rule({"name": "张维"})
    found = told.rows("SELECT name, sources, batches FROM library.population")[0]
    assert (found["name"], found["sources"][0], found["batches"][0]) == ("张维", 0, -ruling)
    assert conflicts(told) == {"name": (False, ruling)}
    claim = told.rows("SELECT name, sex, batch FROM library.population_claims WHERE source = 0")
    assert claim == [{"name": "张维", "sex": None, "batch": -ruling}]


def test_taking_it_back_leaves_everything_as_it_was(told: Any) -> None:
    before, disputed = record(told), conflicts(told)
    (ruling,) = rule({"name": "张维"})
    assert record(told) != before
    withdraw(ruling)
    assert (record(told), conflicts(told)) == (before, disputed)
    assert told.rows("SELECT name FROM library.population_past_claims WHERE source = 0") == [{"name": "张维"}]
    state = told.state()
    withdraw(ruling)
    assert told.state() == state


def test_of_two_rulings_one_can_be_taken_back(told: Any) -> None:
    (name,) = rule({"name": "张维"})
    first = record(told)
    (sex,) = rule({"sex": "2"})
    assert record(told)["sex"] == "2"
    withdraw(sex)
    assert record(told) == first
    (sex,) = rule({"sex": "2"})
    withdraw(name)
    assert (record(told)["name"], record(told)["sex"]) == ("张伟", "2")


def test_the_same_again_changes_nothing(told: Any) -> None:
    first = rule({"name": "张维", "birth_date": "1990-01-02"})
    before = told.state(), told.rows("SELECT * FROM library.rulings"), told.rows("SELECT * FROM library.conflicts")
    assert rule({"name": " 张维 ", "birth_date": "1990-01-02"}) == first
    assert before == (
        told.state(),
        told.rows("SELECT * FROM library.rulings"),
        told.rows("SELECT * FROM library.conflicts"),
    )


def test_another_word_needs_the_first_taken_back(told: Any) -> None:  # noqa: ARG001
    rule({"name": "张维"})
    with pytest.raises(Terminal, match=r"ruling\.stands"):
        rule({"name": "张伟"})


def test_a_further_value_opens_the_conflict_again_and_confirming_closes_it(told: Any) -> None:
    (ruling,) = rule({"name": "张维"})
    told.merge(HR, [{"subject": "a", "name": "张维", "phone": "13900000000", "sex": "1"}])  # comes round to the ruling
    assert conflicts(told) == {"name": (False, ruling)}
    told.merge(HR, [{"subject": "a", "name": "章维", "phone": "13900000000", "sex": "1"}])
    assert conflicts(told) == {"name": (True, None)}
    assert record(told)["name"] == "张维"
    assert rule({"name": "张维"}) == [ruling]
    assert conflicts(told) == {"name": (False, ruling)}
    (kept,) = told.rows("SELECT ruled_by, confirmed_by, confirmed_at FROM library.rulings")
    assert kept["confirmed_by"] == SEEN.by
    assert kept["confirmed_at"] is not None


def test_sources_that_agree_close_it_themselves(told: Any) -> None:
    rule({"name": "张维"})
    told.merge(HR, [{"subject": "a", "name": "张伟"}])
    assert conflicts(told) == {"name": (False, None)}
    assert record(told)["name"] == "张维"


def test_a_record_no_source_knows_any_more_is_gone_and_ruled_again_when_it_comes_back(told: Any) -> None:
    rule({"name": "张维"})
    told.merge(HR, [])
    told.merge(PS, [])
    assert told.golden() == {}
    told.merge(PS, [{"subject": "a", "name": "张伟"}])
    assert told.golden() == {"a": {"name": "张维"}}


def test_a_ruling_on_an_entry_says_nothing_of_whom_it_is_about(hub: Any) -> None:
    for name in ("certificate_bureau.licence", "civil_affairs.licence"):
        hub.resource(name, of="certificate", mode="incremental")
    entry = {"certificate_identifier": "1.2.156.1", "holder_name": "甲公司"}
    hub.merge("certificate_bureau.licence", [{"subject": "91", **entry}])
    rule({"holder_name": "甲有限公司"}, key="1.2.156.1", of="certificate")
    assert (record(hub, "certificate")["subject"], record(hub, "certificate")["holder_name"]) == ("91", "甲有限公司")
    hub.merge("certificate_bureau.licence", [{"subject": "92", **entry}])
    assert (record(hub, "certificate")["subject"], record(hub, "certificate")["holder_name"]) == ("92", "甲有限公司")


@pytest.mark.parametrize(
    ("of", "key", "values", "code"),
    [
        ("population", "a", {}, "ruling.nothing_ruled"),
        ("population", "a", {"nickname": "x"}, "ruling.unknown_attribute"),
        ("population", "nobody", {"name": "x"}, "ruling.unknown_record"),
        ("nowhere", "a", {"name": "x"}, "record.unknown_library"),
        ("credit", "a", {"document_number": "1"}, "ruling.key_attribute"),
        ("population", "a", {"name": " "}, "ruling.value_unfit"),
        ("population", "a", {"name": "长" * 51}, "ruling.value_unfit"),
        ("population", "a", {"sex": "7"}, "ruling.value_unfit"),
        ("population", "a", {"birth_date": "1990-02-30"}, "ruling.value_unfit"),
        ("population", "a", {"birth_date": "19900203"}, "ruling.value_unfit"),
        ("credit", "a", {"fine_amount": "viel"}, "ruling.value_unfit"),
        ("credit", "a", {"fine_amount": "0.00000000001"}, "ruling.value_unfit"),
    ],
)
def test_what_cannot_be_ruled_is_refused_by_name(
    told: Any, of: str, key: str, values: dict[str, str], code: str
) -> None:
    before = told.state()
    with pytest.raises(HutongError) as refused:
        rule(values, key, of)
    assert refused.value.code == code
    assert not set(values.values()) & {str(fact) for fact in refused.value.facts.values()}
    assert told.state() == before


def test_a_decision_without_reason_or_name_is_none() -> None:
    for reason, by in (("", "王"), ("因为", " ")):
        with pytest.raises(Invalid, match=r"decision\.no_grounds"):
            Grounds(reason, by)
    with transaction("ingest") as session, pytest.raises(Invalid, match=r"ruling\.unknown:"):
        rulings.withdraw(session, 10**9, ERRED)
