"""A library is held to its rules: what merges leave breaks none of them, and every way to break one is called by its name."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.library import app
from libraries import rulings
from libraries.auditing import check as audit
from libraries.auditing import invariants, stats
from libraries.retracting.retract import retract
from schemas.database import transaction
from schemas.grounds import Grounds
from schemas.library import LIBRARIES, library

PS, CA, HR, CREDIT = (
    "public_security.resident",
    "civil_affairs.marriage",
    "human_resources.insured",
    "credit_office.decision",
)
KEY = "110101199001020011"


def person(key: str, name: str, **more: Any) -> dict[str, Any]:
    return {"subject": key, "name": name, "birth_date": date(1990, 1, 2), **more}


def decision(number: str, fine: str | None = "2.5") -> dict[str, Any]:
    return {
        "subject": "91",
        "entry_kind": "10",
        "authority": "市监局",
        "document_number": number,
        "fine_amount": Decimal(fine) if fine else None,
    }


@pytest.fixture
def told(hub: Any) -> Any:
    """A population with two and three voices, a past, a record that went and came back."""
    hub.run("DELETE FROM library.rulings")
    for name in (PS, CA, HR):
        hub.resource(name)
    hub.merge(PS, [person(KEY, "张伟"), person("b", "李四", sex="1"), person("c", "王五")])
    hub.merge(HR, [person(KEY, "张维", phone="13900000000"), person("d", "赵六")])
    hub.merge(CA, [person(KEY, "张伟", marital_status="20")])
    hub.merge(PS, [person(KEY, "张大伟"), person("b", "李四", sex="2")])
    hub.merge(PS, [person(KEY, "张大伟"), person("b", "李四", sex="2"), person("c", "王五")])
    return hub


@pytest.fixture
def decided(hub: Any) -> Any:
    """A register with numbers of every shape, an entry changed and one gone."""
    hub.run("DELETE FROM library.rulings")
    hub.resource(CREDIT, of="credit")
    hub.merge(CREDIT, [decision("1"), decision("2", "1000"), decision("3", None), decision("4", "0.01")])
    hub.merge(CREDIT, [decision("1", "2"), decision("2", "1000"), decision("4", "0.01")])
    return hub


def broken(name: str = "population") -> dict[str, int]:
    return {one.invariant: one.violations for one in audit.check(name) if one.violations}


@pytest.mark.parametrize(("hub_of", "name"), [("told", "population"), ("decided", "credit")])
def test_what_merges_leave_breaks_no_rule(request: pytest.FixtureRequest, hub_of: str, name: str) -> None:
    request.getfixturevalue(hub_of)
    found = list(audit.check(name))
    assert len(found) == audit.steps(name)
    assert {one.invariant: one.keys for one in found if one.violations} == {}


def test_everything_is_looked_at(told: Any) -> None:  # noqa: ARG001
    looked = {one.invariant: one.looked for one in audit.check("population")}
    assert (looked["golden.judged"], looked["claim.row_hash"], looked["history.versions"]) == (4, 6, 5)


PLANTED = {
    "golden.judged": ("UPDATE library.population SET name = '伪造' WHERE subject = 'd'", "golden.named"),
    "golden.named": ("UPDATE library.population SET batches[1] = batches[1] + 1 WHERE subject = 'b'", "golden.judged"),
    "golden.both_ways": ("DELETE FROM library.population WHERE subject = 'd'",),
    "golden.parallel": ("UPDATE library.population_history SET sources = sources[1:3] WHERE subject = 'b'",),
    "history.versions": ("DELETE FROM library.population_history WHERE subject = 'b'",),
    "history.periods": (
        "UPDATE library.population_history SET known_to = known_to + interval '1 day' WHERE subject = 'b'",
    ),
    "history.gaps": (
        "UPDATE library.population_history SET known_to = known_to - interval '1 microsecond' WHERE subject = 'b'",
    ),
    "claim.batch": ("UPDATE landing.batches SET state = 'retracted' WHERE resource_id = 'human_resources.insured'",),
    "claim.ruling": (
        "INSERT INTO library.rulings (library, record_key, attribute, value, reason, ruled_by) VALUES ('population', 'b', 'name', '李', '查证', '王')",
    ),
    "claim.versions": ("UPDATE library.population_claims SET version = version + 1 WHERE subject = 'b'",),
    "claim.row_hash": ("UPDATE library.population_claims SET row_hash = row_hash + 1 WHERE subject = 'c'",),
    "conflict.open": ("UPDATE library.conflicts SET closed_at = now()",),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_violation_is_called_by_its_name(told: Any, rule: str) -> None:
    statement, *others = PLANTED[rule]
    told.run(statement)
    assert set(broken()) == {rule, *others}


def test_two_claims_of_one_source_are_found_without_the_index_that_forbids_them(told: Any) -> None:
    told.run("ALTER TABLE library.population_claims DROP CONSTRAINT pk_population_claims")
    try:
        told.run(
            "INSERT INTO library.population_claims SELECT * FROM library.population_claims WHERE subject IN ('c', 'd')"
        )
        assert broken()["claim.one_each"] == 2
    finally:
        told.empty()
        told.run(
            "ALTER TABLE library.population_claims ADD CONSTRAINT pk_population_claims PRIMARY KEY (subject, source)"
        )


@pytest.mark.parametrize("change", ["document_number = '9'", "subject = ''"])
def test_an_entry_whose_key_is_not_its_parts_is_found(decided: Any, change: str) -> None:
    decided.run(f"UPDATE library.credit SET {change} WHERE document_number = '2'")
    assert broken("credit")["entry.key"] == 1


def test_every_rule_has_its_planted_violation() -> None:
    planted = {*PLANTED, "claim.one_each", "entry.key", "claim.row_hash"}
    assert planted == {one.id for one in (*invariants.of(library("credit")), invariants.ROW_HASH)}


def test_a_batch_half_merged_breaks_nothing(told: Any) -> None:
    told.run(
        "UPDATE landing.batches SET state = 'checked', merged_at = NULL WHERE resource_id = 'civil_affairs.marriage'"
    )
    assert broken() == {}


def test_a_ruling_in_force_and_one_taken_back_break_nothing(told: Any) -> None:
    with transaction("ingest") as session:
        ruling = rulings.rule(session, "population", KEY, {"name": "张伟"}, Grounds("查验证件", "王"))[0]
    assert broken() == {}
    told.run("UPDATE library.rulings SET seen = '[]'")  # as if it had not seen what the sources say
    assert broken() == {"conflict.open": 1}
    with transaction("ingest") as session:
        rulings.withdraw(session, ruling.id, Grounds("误裁", "王"))
    assert broken() == {}


def test_the_command_says_what_is_broken_and_hides_whose_it_is(told: Any) -> None:
    told.run(f"UPDATE library.population SET name = '伪造' WHERE subject = '{KEY}'")
    done = CliRunner().invoke(app, ["check", "population"])
    assert done.exit_code == 1
    assert "✗ population golden.judged: ***0011" in done.output
    assert KEY not in done.output
    clear = json.loads(CliRunner().invoke(app, ["check", "population", "--json", "--keys"]).stdout)
    assert [one["keys"] for one in clear if one["invariant"] == "golden.judged"] == [[KEY]]


def test_a_library_in_order_ends_well(decided: Any) -> None:  # noqa: ARG001
    done = CliRunner().invoke(app, ["check", "credit"])
    assert (done.exit_code, "14 rules, 0 broken" in done.output) == (0, True)


def test_stats_say_who_speaks_and_what_is_missing(told: Any) -> None:
    told.hold(told.rows("SELECT min(id) AS id FROM landing.batches")[0]["id"], "z")
    with transaction("reader") as session:
        found = stats.read(session, "population")
    assert (found.records, found.claims, found.past_versions, found.conflicts_open, found.quarantined) == (
        4,
        6,
        5,
        1,
        1,
    )
    assert {voice.source: (voice.department, voice.claims) for voice in found.sources} == {
        PS: ("public_security", 3),
        HR: ("human_resources", 2),
        CA: ("civil_affairs", 1),
    }
    name, sex = (next(one for one in found.attributes if one.id == id) for id in ("name", "sex"))
    assert (name.values, name.missing, name.wins) == (4, 0, {PS: 3, HR: 1})
    assert (sex.values, sex.missing) == (1, 3)


def test_the_stats_command_speaks_both_languages_and_json(decided: Any) -> None:  # noqa: ARG001
    shown = CliRunner().invoke(app, ["stats", "credit"])
    assert shown.exit_code == 0
    assert "记录 records 3" in shown.output
    documents = json.loads(CliRunner().invoke(app, ["stats", "--json"]).stdout)
    assert [one["library"] for one in documents] == list(LIBRARIES)


def test_an_unknown_library_is_refused() -> None:
    done = CliRunner().invoke(app, ["stats", "weather"])
    assert done.exit_code == 1
    assert getattr(done.exception, "code", "") == "record.unknown_library"


def test_a_batch_taken_back_breaks_nothing(told: Any) -> None:
    batch = told.rows("SELECT max(id) AS id FROM landing.batches WHERE resource_id = 'civil_affairs.marriage'")[0]["id"]
    retract(batch, reason="误报", by="王")
    assert broken() == {}
