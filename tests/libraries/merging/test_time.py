"""What was true on a day, and what the hub believed at a moment: two questions, and neither answer changes the other."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from hutong.commands.record import app
from libraries import history, timeline
from libraries.history import read_known_at
from libraries.merging.merge import merge_batch
from libraries.record import LEFT_OUT, TOOK_BACK, explain, find
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.library import library
from tests.libraries.merging.conftest import EPOCH

PS, CA, HR = "public_security.resident", "civil_affairs.marriage", "human_resources.insured"
CREDIT = "credit_office.decision"


def _day(number: int) -> date:
    return (EPOCH + timedelta(days=number)).date()


def _now(hub: Any) -> datetime:
    moment: datetime = hub.rows("SELECT clock_timestamp() AS now")[0]["now"]
    return moment


def _find(of: str = "population", key: str = "a", **asked: Any) -> list[dict[str, Any]]:
    with transaction("reader") as session:
        return find(session, of, [key], **asked)


def _one(name: str, **asked: Any) -> Any:
    found = _find(**asked)
    return found[0][name] if found else None


def _explain(key: str = "a", of: str = "population", **asked: Any) -> dict[str, Any]:
    with transaction("reader") as session:
        found = explain(session, of, key, **asked)
    return {item["id"]: item for item in found["records"][0]["attributes"]} | {"whole": found}


def test_a_word_is_true_from_its_effective_day_until_the_next(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "address": "文一路", "effective_from": date(2020, 5, 1)}])
    hub.merge(PS, [{"subject": "a", "address": "文三路", "effective_from": date(2024, 7, 1)}])
    assert _one("address", as_of=date(2020, 4, 30)) is None
    assert _one("address", as_of=date(2020, 5, 1)) == "文一路"
    assert _one("address", as_of=date(2024, 6, 30)) == "文一路"
    assert _one("address", as_of=date(2024, 7, 1)) == "文三路"


def test_a_word_without_effective_day_is_true_from_the_day_in_china_on_which_it_was_said(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(
        PS, [{"subject": "a", "address": "文一路"}], day=1.5
    )  # noon in Greenwich is eight in the evening in China
    hub.merge(PS, [{"subject": "a", "address": "文三路"}], day=2.8)  # and this is the next day already
    assert _one("address", as_of=_day(0)) is None
    assert _one("address", as_of=_day(1)) == "文一路"
    assert _one("address", as_of=_day(2)) == "文一路"
    assert _one("address", as_of=_day(3)) == "文三路"


def test_late_news_change_what_was_true_but_not_what_was_known(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "address": "文一路"}], day=1)
    before = _now(hub)
    hub.merge(PS, [{"subject": "a", "address": "文三路", "effective_from": _day(3)}], day=9)
    assert _one("address", as_of=_day(5)) == "文三路"
    assert _one("address", as_of=_day(5), known_at=before) == "文一路"
    assert _one("address", known_at=before) == "文一路"


def test_news_of_a_day_to_come_are_not_true_before_it(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "address": "文一路"}], day=1)
    hub.merge(PS, [{"subject": "a", "address": "文三路", "effective_from": date(2099, 1, 1)}], day=2)
    assert _one("address") == "文三路", "the golden record is what sources say last"
    assert _one("address", as_of=_day(9)) == "文一路"
    assert _one("address", as_of=date(2099, 1, 1)) == "文三路"


def test_authority_decides_among_the_words_true_on_the_day(hub: Any) -> None:
    for name in (PS, HR):
        hub.resource(name)
    hub.merge(HR, [{"subject": "a", "name": "张维"}], day=1)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}], day=5)
    assert [_one("name", as_of=_day(n)) for n in (0, 1, 4, 5)] == [None, "张维", "张维", "张伟"]
    found = _find(as_of=_day(4))[0]
    numbers = {row["id"]: row["number"] for row in hub.rows("SELECT id, number FROM directory.resources")}
    assert found["sources"][0] == numbers[HR]


def test_what_a_snapshot_leaves_out_is_silence_from_its_day(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}, {"subject": "b", "name": "王芳"}], day=1)
    hub.merge(PS, [{"subject": "b", "name": "王芳"}], day=4)
    hub.merge(PS, [{"subject": "a", "name": "张伟伟"}, {"subject": "b", "name": "王芳"}], day=8)
    assert [_one("name", as_of=_day(n)) for n in (3, 4, 7, 8)] == ["张伟", None, None, "张伟伟"]


def test_a_source_that_takes_its_word_back_is_named_with_the_day(hub: Any) -> None:
    for name in (PS, CA):
        hub.resource(name)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "phone": "1"}], day=1)
    hub.merge(CA, [{"subject": "a", "name": "张维", "marital_status": "20"}], day=2)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "phone": None}], day=3)
    hub.merge(CA, [{"subject": "x", "name": "别人"}], day=4)
    items = _explain()
    assert items["phone"]["value"] is None
    (phone,) = items["phone"]["silent"]
    assert (phone["source"], phone["value"], phone["how"]) == (PS, "1", TOOK_BACK)
    assert datetime.fromisoformat(phone["since"]) == EPOCH + timedelta(days=3)
    (married,) = items["marital_status"]["silent"]
    assert (married["source"], married["value"], married["how"]) == (CA, "20", LEFT_OUT)
    assert datetime.fromisoformat(married["since"]) == EPOCH + timedelta(days=4)
    assert items["name"]["silent"][0]["source"] == CA
    assert _explain(as_of=_day(2))["phone"]["silent"] == []


def test_explaining_the_past_names_the_winners_of_then(hub: Any) -> None:
    for name in (PS, HR):
        hub.resource(name)
    hub.merge(HR, [{"subject": "a", "name": "张维"}], day=1)
    before = _now(hub)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}], day=5)
    hub.merge(HR, [{"subject": "a", "name": "张卫"}], day=6)
    now, then, there = _explain()["name"], _explain(known_at=before)["name"], _explain(as_of=_day(5))["name"]
    assert (now["source"], now["others"][0]["value"]) == (PS, "张卫")
    assert (then["source"], then["value"], then["why"], then["others"]) == (HR, "张维", "only source", [])
    assert (there["source"], there["others"][0]["value"]) == (PS, "张维")
    assert _explain(known_at=before)["whole"]["known_at"] == before.isoformat()


def test_the_dead_and_the_dissolved_stay_readable_as_they_were(hub: Any) -> None:
    hub.resource(PS)
    hub.resource("market_regulation.company", of="legal_entity")
    hub.merge(PS, [{"subject": "a", "name": "张伟", "residence_status": "10"}], day=1)
    hub.merge("market_regulation.company", [{"subject": "91", "name": "兴和", "state": "1"}], day=1)
    alive = _now(hub)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "residence_status": "20", "effective_from": _day(4)}], day=6)
    hub.merge("market_regulation.company", [{"subject": "91", "name": "兴和", "state": "9"}], day=6)
    assert _one("residence_status") == "20"
    assert _one("residence_status", as_of=_day(3)) == "10"
    assert _one("residence_status", as_of=_day(4)) == "20"
    assert _find("legal_entity", "91", as_of=_day(5))[0]["state"] == "1"
    assert _find("legal_entity", "91", known_at=alive)[0]["state"] == "1"
    assert _find("legal_entity", "91", as_of=_day(6))[0]["state"] == "9"


def test_a_register_gives_the_entries_that_held_on_the_day(hub: Any) -> None:
    hub.resource(CREDIT, of="credit", mode="incremental")
    entry = {"subject": "91", "entry_kind": "10", "authority": "城管局"}
    first = {**entry, "document_number": "1", "valid_from": date(2020, 1, 1), "valid_until": date(2020, 12, 31)}
    second = {**entry, "document_number": "2", "valid_from": date(2020, 6, 1), "valid_until": None}
    hub.merge(CREDIT, [first, second])
    before = _now(hub)
    hub.merge(CREDIT, [{**first, "valid_until": date(2020, 3, 31)}])

    def held(day: date, **asked: Any) -> list[str]:
        return [row["document_number"] for row in _find("credit", "91", as_of=day, **asked)]

    assert held(date(2019, 12, 31)) == []
    assert held(date(2020, 1, 1)) == ["1"]
    assert held(date(2020, 3, 31)) == ["1"]
    assert held(date(2020, 7, 1)) == ["2"]
    assert held(date(2020, 7, 1), known_at=before) == ["1", "2"]
    key = _find("credit", "91")[0]["entry"]
    assert _explain(key, "credit", as_of=date(2020, 2, 1))["whole"]["records"][0]["key"] == key


def test_before_the_first_record_nothing_is_known(hub: Any) -> None:
    moment = _now(hub)
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}])
    assert _find(known_at=moment) == []
    assert _find(known_at=moment, as_of=_day(300)) == []


def test_a_retracted_batch_was_never_true_but_was_believed(hub: Any) -> None:
    hub.resource(PS, mode="incremental")
    hub.merge(PS, [{"subject": "a", "name": "张伟"}], day=1)
    wrong = hub.batch(PS, [{"subject": "a", "name": "张错"}], day=3)
    merge_batch(wrong)
    believed = _now(hub)
    hub.run(  # what a retraction leaves: the wrong word past, the older one current again
        f"""INSERT INTO library.population_past_claims SELECT *, clock_timestamp(), batch FROM library.population_claims;
        DELETE FROM library.population_claims;
        INSERT INTO library.population_claims SELECT (jsonb_populate_record(NULL::library.population_claims, to_jsonb(p) || jsonb_build_object(
            'version', 3, 'recorded_at', clock_timestamp()))).* FROM library.population_past_claims p WHERE name = '张伟';
        UPDATE landing.batches SET state = 'retracted', retracted_at = clock_timestamp() WHERE id = '{wrong}'"""
    )
    assert [_one("name", as_of=_day(n)) for n in (1, 3, 9)] == ["张伟"] * 3
    assert _one("name", as_of=_day(3), known_at=believed) == "张错"
    assert _explain(as_of=_day(3))["name"]["silent"] == []


@pytest.mark.parametrize("of", ["population", "credit"])
def test_asking_for_the_past_uses_indexes_only(hub: Any, of: str) -> None:
    hub.resource(f"{'public_security' if of == 'population' else 'credit_office'}.many", of=of)
    spec = library(of)
    past = f"SELECT * FROM {history.believed(spec, 'now()')} b WHERE subject = ANY('{{a}}')"
    for statement in (past, timeline.statement(spec, "'{a}'::text[]", "now()")):
        with transaction("owner") as session:
            session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = "\n".join(session.scalars(text(f"EXPLAIN {statement}")))
        assert "Seq Scan" not in plan.replace("Seq Scan on batches", ""), plan


def test_read_known_at_gives_key_order(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": key, "name": key} for key in "cab"])
    with transaction("reader") as session:
        assert [row["subject"] for row in read_known_at(session, "population", ["c", "a"], _now(hub))] == ["a", "c"]


def test_the_command_asks_for_a_day_and_a_moment(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "phone": "1"}], day=1)
    before = _now(hub)
    hub.merge(PS, [{"subject": "a", "name": "张三", "phone": None}], day=5)

    def shown(*options: str) -> str:
        called = CliRunner().invoke(app, ["show", "population", "a", *options], env={"COLUMNS": "200"})
        assert called.exit_code == 0, called.output
        return called.output

    assert "张伟" in shown("--as-of", _day(4).isoformat())
    assert "张伟" in shown("--known-at", before.isoformat())
    in_china = before.astimezone(CHINA) + timedelta(minutes=1)
    with pytest.raises(Invalid, match=r"record\.known_at_future"):
        CliRunner().invoke(
            app, ["show", "population", "a", "--known-at", f"{in_china:%Y-%m-%d %H:%M:59}"], catch_exceptions=False
        )
    explained = shown("--explain")
    assert "起改报空值 (1)" in explained
    assert "said nothing since" in shown("--explain", "--lang", "en")
