"""The matching learns from confirmations and refusals, never silently: words are proposed, the authority decides, and what it declined is remembered."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from catalog import elements, notices
from exchange_api import officers
from exchange_api.demand import demands
from exchange_api.matching import Ask, Wanted, candidates, proposals, search
from exchange_api.portal import words
from exchange_api.states import PROPOSAL
from hutong.cli import app
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import SupplyAnswer, SupplyTask
from schemas.tables.synonym_proposals import PROPOSAL_STATES, SynonymProposal
from tests.desks.conftest import BUREAU, HOUSING, form


def answered(town: Session, name: str, state: str = "confirmed", item_id: str = "marital", **more: Any) -> str:
    """One demand for one wanted item, answered by the civil affairs department."""
    demand = demands.register(town, HOUSING, form(name))
    (item,) = demands.items(town, demand.id)
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
    return demand.id


def proposed(town: Session) -> list[tuple[str, str, int]]:
    return [(one.element_id, one.text, one.seen) for one in proposals.find(town)]


def test_words_that_were_confirmed_twice_are_proposed_and_change_nothing_yet(town: Session) -> None:
    first, second = answered(town, "配偶有无"), answered(town, "配偶 有无".replace(" ", ""))
    before = elements.get(town, "marital_code").synonyms
    assert proposals.collect(town) == 1
    (one,) = proposals.find(town)
    assert (one.element_id, one.text, one.seen, one.demands) == ("marital_code", "配偶有无", 2, [first, second])
    assert elements.get(town, "marital_code").synonyms == before
    assert all("配偶有无" not in candidate.synonyms for candidate in candidates(town))


def test_collecting_again_changes_nothing_and_counts_what_came_since(town: Session) -> None:
    answered(town, "配偶有无")
    assert proposals.collect(town) == 0, "one demand alone proposes nothing"
    answered(town, "配偶有无")
    assert [proposals.collect(town), proposals.collect(town)] == [1, 0]
    answered(town, "配偶有无")
    assert proposals.collect(town) == 0
    assert proposed(town) == [("marital_code", "配偶有无", 3)]


def test_the_authority_is_told_once_of_what_waits(town: Session) -> None:
    officers.add(town, "chen", "陈", "data_bureau", ["authority"])
    answered(town, "配偶有无")
    answered(town, "配偶有无")
    proposals.collect(town)
    proposals.collect(town)
    (notice,) = [one for one in notices.find(town, "data_bureau") if one.key == "synonyms.proposed"]
    assert words.NOTICE[notice.key] % notice.facts


@pytest.mark.parametrize(
    "name",
    [
        "婚姻情况",
        "是否结婚",
        "张三11010519491231002X",
        "结婚证J110105",
        "姓名及婚姻",
        "请提供这个人目前到底有没有结婚的证明材料才行",
    ],
)
def test_known_words_numbers_several_wishes_and_sentences_are_never_proposed(town: Session, name: str) -> None:
    answered(town, name)
    answered(town, name)
    assert proposals.collect(town) == 0
    assert town.scalar(select(func.count()).select_from(SynonymProposal)) == 0


def test_words_refused_as_not_meant_count_against_it(town: Session) -> None:
    answered(town, "配偶有无")
    answered(town, "配偶有无")
    answered(town, "配偶有无", "refused", ground={"kind": "not_meant"})
    assert proposals.collect(town) == 0
    answered(town, "配偶有无", "refused", ground={"kind": "condition"})
    answered(town, "配偶有无")
    assert proposals.collect(town) == 1
    assert proposed(town) == [("marital_code", "配偶有无", 2)]


def _one(town: Session) -> SynonymProposal:
    answered(town, "配偶有无")
    answered(town, "配偶有无")
    proposals.collect(town)
    (one,) = proposals.find(town)
    return one


def test_an_accepted_proposal_becomes_a_synonym_with_a_version_of_the_element(town: Session) -> None:
    one = _one(town)
    version = elements.get(town, "marital_code").version
    done = proposals.accept(town, BUREAU, one.id)
    assert (done.state, done.decided_by) == ("accepted", "chen")
    element = elements.get(town, "marital_code")
    assert "配偶有无" in element.synonyms
    assert element.version == version + 1
    assert elements.versions(town, "marital_code")[0].created_by == "chen"
    (ranked,) = search(town, Ask([Wanted("配偶有无")])).items
    assert ranked[0].reasons[0].key == "synonym"
    assert proposals.collect(town) == 0


def test_a_declined_proposal_is_remembered(town: Session) -> None:
    one = _one(town)
    proposals.decline(town, BUREAU, one.id, "含义不同")
    answered(town, "配偶有无")
    assert proposals.collect(town) == 0
    assert proposals.find(town) == []
    (declined,) = proposals.find(town, "declined")
    assert (declined.why, declined.decided_by) == ("含义不同", "chen")
    assert "配偶有无" not in elements.get(town, "marital_code").synonyms


def test_only_the_authority_decides_and_only_once(town: Session) -> None:
    one = _one(town)
    for decide in (proposals.accept, proposals.decline):
        with pytest.raises(Denied) as denied:
            decide(town, HOUSING, one.id)
        assert denied.value.code == "case.role_needed"
    proposals.accept(town, BUREAU, one.id)
    for decide in (proposals.accept, proposals.decline):
        with pytest.raises(Invalid) as wrong:
            decide(town, BUREAU, one.id)
        assert wrong.value.code == "case.wrong_state"
    with pytest.raises(Invalid) as unknown:
        proposals.accept(town, BUREAU, 999_999)
    assert unknown.value.code == "proposal.unknown"


def test_words_that_another_element_claims_by_now_are_not_accepted(town: Session) -> None:
    one = _one(town)
    name = elements.document_of(elements.get(town, "person_name"))
    elements.save(town, name.model_copy(update={"synonyms": (*name.synonyms, "配偶有无")}))
    with pytest.raises(Invalid) as contested:
        proposals.accept(town, BUREAU, one.id)
    assert (contested.value.code, contested.value.facts["elements"]) == ("proposal.contested", "person_name")


def test_the_table_and_the_machine_know_the_same_states() -> None:
    assert set(PROPOSAL_STATES) == PROPOSAL.states


@pytest.mark.parametrize("command", ["list", "accept", "decline"])
def test_the_command_helps_in_both_languages(command: str) -> None:
    shown = CliRunner().invoke(app, ["match", "proposals", command, "--help"])
    assert shown.exit_code == 0
    assert any("\u4e00" <= letter <= "\u9fff" for letter in shown.output)
