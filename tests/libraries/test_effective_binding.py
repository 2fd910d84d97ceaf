"""A department binds the item that says since when to `effective_from`: it travels to the claim, is checked as a date, and is no attribute of the library."""

from typing import Any

import pytest

from libraries import ingest
from libraries.record import find
from schemas.errors import Invalid, Terminal
from tests.libraries.conftest import RESIDENT, citizen_ids, resident

SINCE = {"id": "since", "name": "变更日期", "type": "D", "attribute": "effective_from", "normalise": ["date"]}


def _bound(**changes: Any) -> dict[str, Any]:
    source = {**RESIDENT["source"], "mapping": {**RESIDENT["source"]["mapping"], "bgrq": "since"}}
    return {**RESIDENT, "items": [*RESIDENT["items"], {**SINCE, **changes}], "source": source}


def test_the_day_goes_from_the_source_to_the_claim(hub: Any) -> None:
    hub.publish(_bound())
    hub.fill([{**resident(_person(), "张三"), "bgrq": "2020/05/01"}])
    ingest.ingest(RESIDENT["id"], "1")
    claim = hub.one("SELECT name, effective_from::text FROM library.population_claims")
    assert claim == {"name": "张三", "effective_from": "2020-05-01"}
    with hub.session() as session:
        (record,) = find(session, "population", [_person()])
    assert "effective_from" not in record


def test_a_day_that_is_none_is_held_as_any_other_wrong_date(hub: Any) -> None:
    hub.publish(_bound())
    hub.fill([{**resident(_person(), "张三"), "bgrq": "昨天"}, {**resident(_person(1), "李四"), "bgrq": None}])
    batch = ingest.ingest(RESIDENT["id"], "1")
    assert list(hub.reasons(batch).values()) == [["since.type"]]


def test_only_a_date_can_be_the_day(hub: Any) -> None:
    hub.publish(_bound(type="C", length=10, normalise=[]))
    hub.fill([{**resident(_person(), "张三"), "bgrq": "2020-05-01"}])
    with pytest.raises(Terminal, match=r"quality\.bad_attribute"):
        ingest.ingest(RESIDENT["id"], "1")


def test_a_misspelt_binding_is_still_refused(hub: Any) -> None:
    with pytest.raises(Invalid, match=r"directory\.unknown_attribute"):
        hub.publish(_bound(attribute="effective_form"))


def _person(number: int = 0) -> str:
    return citizen_ids(2)[number]
