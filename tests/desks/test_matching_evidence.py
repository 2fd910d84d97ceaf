"""What speaks for a match beside names: agreements and refusals before, quality, freshness, duty, a plugged-in model; who supplies with the fewest tasks; and
what nobody has.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.service import services
from exchange_api.demand import demands
from exchange_api.matching import Answer, Ask, Candidate, Found, Wanted, embedding, search
from exchange_api.matching.covering import smallest
from exchange_api.matching.engine import answer, corpus_of
from exchange_api.matching.evidence import Evidence, Past, Standing
from exchange_api.portal import words
from schemas.tables.exchange import DemandItem, SupplyAnswer, SupplyTask
from schemas.tables.landing import Batch
from tests.desks.conftest import HOUSING, form


def candidate(department: str, resource: str, name: str, **more: Any) -> Candidate:
    return Candidate(f"{resource}@1", resource, resource, department, department, name, name, 2, **more)


KNOWN = [
    candidate("民政局", "婚姻登记信息", "姓名"),
    candidate("民政局", "婚姻登记信息", "婚姻状况"),
    candidate("公安局", "常住人口信息", "姓名"),
    candidate("公安局", "常住人口信息", "户籍地址"),
    candidate("公安局", "常住人口信息", "婚姻状况"),
    candidate("税务局", "纳税信息", "纳税金额"),
    candidate("税务局", "纳税信息", "申报日期"),
]


def asked(*wanted: str, purpose: str = "核验户籍和婚姻", evidence: Evidence | None = None) -> Answer:
    found = answer(corpus_of(KNOWN), Ask([Wanted(name) for name in wanted], purpose), evidence or Evidence())
    for one in (one for ranked in found.items for one in ranked):
        assert abs(one.score - sum(reason.points for reason in one.reasons)) < 1e-3
        assert all(words.REASON[reason.key] % reason.facts for reason in one.reasons)
    for missing in found.missing:
        assert words.MISSING[missing.why.key] % missing.why.facts
    return found


def of(found: Found, key: str) -> float:
    return sum(reason.points for reason in found.reasons if reason.key == key)


def place_of(found: Answer, resource: str, item: str) -> Found | None:
    return next((o for o in found.items[0] if (o.candidate.resource_id, o.candidate.item_id) == (resource, item)), None)


def test_what_was_agreed_before_is_found_though_the_names_have_nothing_in_common() -> None:
    assert place_of(asked("是否单身"), "婚姻登记信息", "婚姻状况") is None
    before = Evidence(past=lambda text: {("婚姻登记信息", "婚姻状况"): Past(3, 0)} if text == "是否单身" else {})
    found = asked("是否单身", evidence=before)
    agreed = place_of(found, "婚姻登记信息", "婚姻状况")
    assert agreed is found.items[0][0]
    assert {reason.key: reason.facts for reason in agreed.reasons}["agreed"] == {"times": "3"}
    assert of(agreed, "agreed") > 0.3


def test_more_agreements_say_more_and_refusals_take_away_with_their_reason() -> None:
    def score(past: Past) -> Found:
        found = asked("户籍地", evidence=Evidence(past=lambda _: {("常住人口信息", "户籍地址"): past}))
        one = place_of(found, "常住人口信息", "户籍地址")
        assert one is not None
        return one

    scores = [score(Past(*past)).score for past in ((0, 5), (0, 1), (0, 0), (1, 0), (9, 0))]
    assert scores == sorted(set(scores))
    refused = score(Past(0, 5))
    assert of(refused, "not_meant") < 0
    assert {reason.key: reason.facts for reason in refused.reasons}["not_meant"] == {"times": "5"}


def test_quality_and_freshness_only_break_ties() -> None:
    stands = {
        "常住人口信息": Standing("A", 98.0, date(2026, 1, 1), 2),
        "婚姻登记信息": Standing("E", 20.0, date(2020, 1, 1), 2000),
    }
    found = asked("姓名", purpose="", evidence=Evidence(standing=lambda _: stands))
    assert found.items[0][0].candidate.resource_id == "常住人口信息"
    assert 0 < of(found.items[0][0], "quality") + of(found.items[0][0], "freshness") <= 0.02
    assert of(found.items[0][1], "freshness") == 0
    plain = asked("婚姻登记状况", "户籍地址", purpose="核验婚姻登记")
    weighed = asked("婚姻登记状况", "户籍地址", purpose="核验婚姻登记", evidence=Evidence(standing=lambda _: stands))
    assert [r[0].candidate for r in weighed.items if r] == [r[0].candidate for r in plain.items if r]


def test_the_department_whose_duty_it_is_is_preferred() -> None:
    duty = Evidence(duties=lambda _: {"民政局": ("结婚登记", 1.0)})
    found = asked("姓名", purpose="", evidence=duty)
    assert found.items[0][0].candidate.department_name == "民政局"
    assert {r.key: r.facts for r in found.items[0][0].reasons}["duty"]["service_item"] == "结婚登记"


def test_the_hub_brings_its_records_as_evidence(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("配偶有无"))
    assert demands.suggest(town, "gzf", demand.purpose, ["配偶有无"])[0] == []
    (item,) = demands.items(town, demand.id)
    _answered(town, item, "confirmed", "marital")
    (ranked,) = search(town, Ask([Wanted("配偶有无")], demand.purpose)).items
    assert ranked[0].candidate.item_id == "marital"
    assert of(ranked[0], "agreed") > 0
    services.save(town, services.ServiceItemDocument(id="jh", name="结婚登记", department="civil_affairs"))
    batch = Batch(
        id="b", resource_id="civil_affairs.marriage", resource_version_id="civil_affairs.marriage@1", run_id="r", state="merged", score=97.0,
        merged_at=datetime.now(UTC) - timedelta(days=3), rows_in=1, rows_good=1,
    )  # fmt: skip
    town.add(batch)
    town.flush()
    (ranked,) = search(town, Ask([Wanted("婚姻状况")], "核验结婚登记")).items
    assert {"quality", "freshness", "duty"} <= {reason.key for reason in ranked[0].reasons}


@pytest.mark.parametrize(("ground", "is_lowered"), [("not_meant", True), ("condition", False)])
def test_only_a_refusal_as_not_meant_speaks_against_a_match(town: Session, ground: str, is_lowered: bool) -> None:
    (before,) = search(town, Ask([Wanted("婚姻状况")], "核验婚姻")).items
    (item,) = demands.items(town, demands.register(town, HOUSING, form("婚姻状况")).id)
    _answered(town, item, "refused", "marital", ground={"kind": ground})
    (after,) = search(town, Ask([Wanted("婚姻状况")], "核验婚姻")).items
    assert (after[0].score < before[0].score) is is_lowered
    assert ("not_meant" in {reason.key for reason in after[0].reasons}) is is_lowered


def _answered(town: Session, item: DemandItem, state: str, item_id: str, **more: Any) -> None:
    task = SupplyTask(
        id=f"GJ-2020-{item.id:06d}", department_id="civil_affairs", need=str(item.id), state="answered", due_date=date(2026, 1, 1), rule_key="r"
    )  # fmt: skip
    town.add(task)
    town.flush()
    town.add(
        SupplyAnswer(task_id=task.id, demand_item_id=item.id, state=state, decision="confirm" if state == "confirmed" else "refuse",
                     resource_version_id="civil_affairs.marriage@1", item_id=item_id, answered_at=datetime.now(UTC), **more)
    )  # fmt: skip
    town.flush()


def test_one_supplier_is_asked_where_one_is_enough() -> None:
    (one,) = asked("姓名", "户籍地址", "婚姻状况").suppliers
    assert (one.department_name, one.resource_id, one.wanted) == ("公安局", "常住人口信息", (0, 1, 2))


def test_several_are_asked_where_none_has_all_and_what_nobody_has_is_said() -> None:
    found = asked("户籍地址", "纳税金额", "卫星轨道倾角", purpose="核验户籍和纳税")
    assert [(one.department_name, one.wanted) for one in found.suppliers] == [("公安局", (0,)), ("税务局", (1,))]
    assert [one.wanted for one in found.missing] == [2]


def test_the_nearest_miss_says_why_it_does_not_do() -> None:
    (missing,) = asked("纳税证书编号", purpose="核验学历").missing
    assert missing.nearest is not None
    assert missing.nearest.resource_id == "纳税信息"
    assert missing.why.key in ("other_kind", "other_purpose", "hardly_alike")
    assert int(missing.why.facts["percent"]) < 100


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.frozensets(st.integers(0, 9), min_size=1), max_size=16))
def test_suppliers_hold_all_that_anybody_holds_and_none_is_needless(sets: dict[str, frozenset[int]]) -> None:
    worth = {name: float(len(held)) for name, held in sets.items()}
    chosen = smallest(sets, worth)
    whole = frozenset[int]().union(*sets.values())
    assert frozenset[int]().union(*(sets[name] for name in chosen)) == whole
    for name in chosen:
        assert frozenset[int]().union(*(sets[one] for one in chosen if one != name)) != whole
    assert not any(held == whole for held in sets.values()) or len(chosen) <= 1


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Plug a function in as the configuration would, from a module of its own."""

    def plugged(function: Any, seconds: str = "30") -> Evidence:
        module = ModuleType("made_up_embedder")
        module.embed = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "made_up_embedder", module)
        monkeypatch.setenv("HUTONG_MATCHING_EMBEDDER", "made_up_embedder:embed")
        monkeypatch.setenv("HUTONG_MATCHING_EMBEDDER_SECONDS", seconds)
        embedding.forget()
        return Evidence(alike=embedding.plugged())

    yield plugged
    embedding.forget()


def _married(texts: list[str]) -> list[list[float]]:
    """A made-up model: what has to do with marriage points one way, all else another."""
    return [[1.0, 0.0] if any(word in text for word in ("婚", "单身", "配偶")) else [0.0, 1.0] for text in texts]


def test_a_plugged_in_model_finds_what_is_alike_in_meaning(plug: Any) -> None:
    found = asked("是否单身", evidence=plug(_married))
    assert found.items[0][0].candidate.item_id == "婚姻状况"
    assert of(found.items[0][0], "alike_in_meaning") > 0


@pytest.mark.parametrize(
    "wrong",
    [lambda _: 1 / 0, lambda _: [[1.0]], lambda texts: [[float("nan")]] * len(texts), lambda _: "x", SimpleNamespace()],
)
def test_a_model_that_fails_is_reported_once_and_left_aside(
    plug: Any, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plain = asked("婚姻状况", "户籍地址")
    with caplog.at_level(logging.WARNING, "hutong.matching"):
        assert asked("婚姻状况", "户籍地址", evidence=plug(wrong)) == plain
    ours = [record.message for record in caplog.records if record.name.startswith("hutong.matching")]
    assert [message.split(":")[0] for message in ours] == ["embedder made_up_embedder"]
    assert "left aside" in caplog.text


def test_a_model_that_is_not_there_is_reported_and_matching_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HUTONG_MATCHING_EMBEDDER", "no.such.module:embed")
    embedding.forget()
    with caplog.at_level(logging.WARNING, "hutong.matching"):
        assert asked("婚姻状况", evidence=Evidence(alike=embedding.plugged())) == asked("婚姻状况")
    assert "no.such" in caplog.text
    embedding.forget()


def test_nobody_waits_for_a_model_that_dawdles(plug: Any, caplog: pytest.LogCaptureFixture) -> None:
    may_go_on = threading.Event()

    def dawdling(texts: list[str]) -> list[list[float]]:
        may_go_on.wait(60)
        return _married(texts)

    evidence = plug(dawdling, seconds="0.01")
    with caplog.at_level(logging.WARNING, "hutong.matching"):
        assert asked("是否单身", "姓名", evidence=evidence) == asked("是否单身", "姓名")
        may_go_on.set()
    assert caplog.text.count("has not answered") == 1


def test_without_a_model_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUTONG_MATCHING_EMBEDDER", raising=False)
    assert embedding.plugged()("姓名", ["名称"]) is None
