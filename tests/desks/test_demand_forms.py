"""A form takes what a demander writes and no more: limits are named, hostile text is refused, and a draft may be thin, revised, thrown away."""

import itertools
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.demand import demands, forms
from exchange_api.demand.forms import DemandForm
from exchange_api.states import DEMAND, INFORMATION
from schemas.errors import Denied, Invalid
from schemas.tables.case_papers import INFORMATION_STATES
from schemas.tables.exchange import DEMAND_STATES, Application, CaseEvent, Demand, DemandItem, Match
from tests.desks.conftest import CIVIL, HOUSING, actor, form
from tests.desks.demand_story import submitted

WHOLE = {
    "service_item_id": "gzf", "application_id": "zufang", "purpose": "核验", "basis": "《办法》第七条", "mode": "verify", "hours": "08-18",
    "volume_per_day": 20, "valid_until": "2030-01-01", "items": [{"name": "姓名", "form": "yes_no"}, {"name": "姓名", "note": "配偶"}],
}  # fmt: skip


def test_a_draft_needs_no_more_than_its_service_item(town: Session) -> None:
    demand = demands.register(town, HOUSING, forms.read_form({"service_item_id": "gzf"}))
    assert (demand.state, demand.mode, demands.items(town, demand.id)) == ("draft", "query", [])


def test_all_that_the_form_says_is_kept(town: Session) -> None:
    demand = demands.register(town, HOUSING, forms.read_form(WHOLE))
    town.expire_all()
    assert (demand.mode, demand.hours, demand.volume_per_day, str(demand.valid_until)) == ("verify", "08-18", 20, "2030-01-01")  # fmt: skip
    assert [(item.name, item.note, item.form) for item in demands.items(town, demand.id)] == [("姓名", None, "yes_no"), ("姓名", "配偶", "full")]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": [{"name": f"项{n}"} for n in range(201)]}, "200"),
        ({"items": [{"name": "长" * 101}]}, "100"),
        ({"items": [{"name": "  "}]}, "items.0.name"),
        ({"items": [{"name": "姓\x00名"}]}, "U+0000"),
        ({"items": [{"name": "姓\u202e名"}]}, "U+202E"),
        ({"items": [{"name": "姓\ud800名"}]}, "items.0.name"),
        ({"items": [{"name": "姓名"}, {"name": "姓名"}]}, "姓名"),
        ({"items": [{"name": "姓名", "form": "everything"}]}, "items.0.form"),
        ({"purpose": "目" * 501}, "500"),
        ({"basis": "\x07"}, "U+0007"),
        ({"mode": "all"}, "mode"),
        ({"volume_per_day": 0}, "volume_per_day"),
        ({"volume_per_day": 10**9}, "10000000"),
        ({"valid_until": "明天"}, "valid_until"),
        ({"state": "provided"}, "state"),
        ({"service_item_id": ""}, "service_item_id"),
    ],
)
def test_what_is_out_of_form_is_named_with_its_limit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=r"demand\.malformed") as refused:
        forms.read_form(WHOLE | changes)
    assert said in refused.value.title()


@pytest.mark.parametrize("hours", ["8-18", "18-08", "00-25", "天天"])
def test_hours_are_a_span_of_the_day(hours: str) -> None:
    with pytest.raises(Invalid, match=r"grant\.hours|demand\.malformed"):
        forms.read_form(WHOLE | {"hours": hours})


@pytest.mark.parametrize("data", [None, [], "需求", {"items": {}}, {"items": [None]}, 7])
def test_what_is_no_form_at_all_is_said(data: Any) -> None:
    with pytest.raises(Invalid, match=r"demand\.malformed"):
        forms.read_form(data)


@given(name=st.text(max_size=120), note=st.text(max_size=40), purpose=st.text(max_size=60))
def test_whatever_is_written_is_a_form_that_the_database_can_keep_or_an_error(
    name: str, note: str, purpose: str
) -> None:
    written = {"service_item_id": "gzf", "purpose": purpose, "items": [{"name": name, "note": note}]}
    read = None
    with suppress(Invalid):
        read = forms.read_form(written)
    if read is None:
        with pytest.raises(Invalid, match=r"demand\.malformed"):
            forms.read_form(written)
        return
    kept = read.model_dump_json()
    assert "\\u0000" not in kept
    assert DemandForm.model_validate_json(kept) == read
    assert 0 < len(read.items[0].name) <= 100


def test_a_revision_replaces_the_items_and_their_matches(town: Session) -> None:
    demand = submitted(town, "户籍地址")
    demands.return_to_demander(town, actor("chen", "data_bureau", "authority"), demand.id, "请写明依据")
    demands.revise(town, HOUSING, demand.id, form("姓名", basis="《办法》第七条"))
    assert ([item.name for item in demands.items(town, demand.id)], demand.findings) == (["姓名"], [])
    assert town.scalar(select(func.count()).select_from(Match).join(DemandItem).where(DemandItem.demand_id == demand.id)) == 0  # fmt: skip


def test_a_draft_is_thrown_away_with_all_of_it_and_a_submitted_demand_is_not(town: Session) -> None:
    draft = demands.register(town, HOUSING, form("姓名"))
    with pytest.raises(Denied, match=r"case\.not_yours"):
        demands.discard(town, actor("sun", "civil_affairs", "demander"), draft.id)
    demands.discard(town, HOUSING, draft.id)
    assert town.get(Demand, draft.id) is None
    assert town.scalar(select(func.count()).select_from(CaseEvent).where(CaseEvent.demand_id == draft.id)) == 0
    demand = submitted(town, "姓名")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        demands.discard(town, HOUSING, demand.id)


def test_an_application_must_be_registered_and_ones_own(town: Session) -> None:
    with pytest.raises(Invalid, match=r"application\.unknown"):
        demands.register(town, HOUSING, form("姓名", application_id="nobody"))
    town.add(Application(id="civil.desk", name="民政系统", department_id="civil_affairs"))
    town.flush()
    demand = demands.register(town, HOUSING, form("姓名", application_id="civil.desk"))
    with pytest.raises(Invalid, match=r"demand\.incomplete") as refused:
        demands.submit(town, HOUSING, demand.id)
    assert "civil.desk" in refused.value.title()
    assert cases.get(town, demand.id).state == "draft"


def test_only_a_demander_registers(town: Session) -> None:
    with pytest.raises(Denied, match=r"case\.role_needed"):
        demands.register(town, CIVIL, form("姓名"))


def test_the_tables_keep_exactly_the_states_of_the_machines() -> None:
    assert set(DEMAND_STATES) == DEMAND.states
    assert set(INFORMATION_STATES) == INFORMATION.states
    assert {state for state in DEMAND.states if not DEMAND.possible(state)} == {"withdrawn"}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(sorted(INFORMATION.states), INFORMATION.ways)))
def test_a_question_moves_by_its_table_alone(state: str, action: str) -> None:
    if state == "asked":
        assert INFORMATION.after("BC-1", state, action) in INFORMATION.ends
    else:
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            INFORMATION.after("BC-1", state, action)
