"""An item says only what is its own; the rest its data element says, and where it says otherwise that is shown."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalog.dictionary.binding import SENSITIVITIES, deviations, deviations_of, inherited, resolve
from catalog.elements import ElementDocument
from catalog.rules import rules_of
from hutong.demo.city_data import CITY, documents
from schemas.resource import Item, ResourceDraft

SEX = ElementDocument(id="sex_code", name="性别", type="C", length=1, code_table="sex", sensitivity="personal")
BORN = ElementDocument(id="birth_date", name="出生日期", type="D", sensitivity="personal")
OPEN = ElementDocument(id="entity_name", name="机构名称", type="C", length=256, sensitivity="public")
DICTIONARY = {element.id: element for element in (SEX, BORN, OPEN)}


def _item(**said: Any) -> Item:
    return Item(id="x", name="甲", **said)


def test_a_silent_item_says_what_its_element_says() -> None:
    assert inherited(_item(element="sex_code"), SEX) == _item(
        element="sex_code", length=1, code_table="sex", sensitivity="personal"
    )
    assert inherited(_item(element="birth_date"), BORN).type == "D"
    assert deviations(_item(element="sex_code"), SEX) == ()


def test_silence_makes_nothing_public() -> None:
    item = inherited(_item(element="entity_name"), OPEN)
    assert item.sensitivity == "internal"
    (kept_closer,) = deviations(item, OPEN)
    assert (kept_closer.field, kept_closer.is_weaker) == ("sensitivity", False)


@pytest.mark.parametrize(
    ("said", "element", "field", "is_weaker"),
    [
        ({"length": 4}, SEX, "length", True),
        ({"length": 20}, OPEN, "length", False),
        ({"code_table": "marital"}, SEX, "code_table", False),
        ({"sensitivity": "public"}, SEX, "sensitivity", True),
        ({"sensitivity": "sensitive"}, SEX, "sensitivity", False),
        ({"type": "T"}, BORN, "type", False),
        ({"type": "M"}, BORN, "type", True),
        ({"type": "N"}, SEX, "type", False),
    ],
)
def test_what_an_item_says_itself_stays_and_is_shown(
    said: dict[str, Any], element: ElementDocument, field: str, is_weaker: bool
) -> None:
    item = _item(element=element.id, **said)
    assert getattr(inherited(item, element), field) == said[field]
    shown = {one.field: one for one in deviations(item, element)}
    assert (shown[field].said, shown[field].meant) == (said[field], getattr(element, field))
    assert shown[field].is_weaker is is_weaker


def test_a_number_takes_over_no_length_and_no_code_table() -> None:
    assert inherited(_item(element="sex_code", type="N"), SEX) == _item(
        element="sex_code", type="N", sensitivity="personal"
    )


items = st.builds(
    Item,
    id=st.just("x"),
    name=st.just("甲"),
    element=st.sampled_from(sorted(DICTIONARY)),
    type=st.sampled_from("CNDM"),
    length=st.none() | st.integers(1, 300),
    code_table=st.none() | st.sampled_from(["sex", "marital"]),
    sensitivity=st.sampled_from(SENSITIVITIES),
)


@given(items)
def test_inheriting_is_done_once_and_never_loosens(item: Item) -> None:
    element = DICTIONARY[str(item.element)]
    once = inherited(item, element)
    assert inherited(once, element) == once
    assert deviations(once, element) == deviations(item, element)
    assert SENSITIVITIES.index(once.sensitivity) >= SENSITIVITIES.index(item.sensitivity)
    for name in ("length", "code_table"):
        if getattr(item, name) is not None:
            assert getattr(once, name) == getattr(item, name)


def test_a_document_is_resolved_item_by_item() -> None:
    items = [
        {"id": "sex", "name": "性别", "element": "sex_code"},
        {"id": "born", "name": "出生", "element": "birth_date"},
        {"id": "own", "name": "备注"},
        {"id": "odd", "name": "别的", "element": "nobody_knows"},
    ]
    draft = ResourceDraft.model_validate({"id": "d.r", "name": "r", "department": "d", "items": items})
    resolved = resolve(draft, DICTIONARY)
    assert [item.type for item in resolved.items] == ["C", "D", "C", "C"]
    assert resolved.item("sex").code_table == "sex"
    assert resolved.item("odd") == draft.item("odd")
    assert resolve(resolved, DICTIONARY) is resolved
    assert list(deviations_of(draft, DICTIONARY)) == []


def test_rules_see_what_was_inherited() -> None:
    items = [
        {"id": "sex", "name": "性别", "element": "sex_code"},
        {"id": "born", "name": "出生", "element": "birth_date"},
    ]
    draft = ResourceDraft.model_validate({"id": "d.r", "name": "r", "department": "d", "items": items})
    assert rules_of(draft) == ()  # type: ignore[arg-type]
    rules = [rule.id for rule in rules_of(resolve(draft, DICTIONARY))]  # type: ignore[arg-type]
    assert rules == ["sex.length", "sex.code_table", "born.type"]


def test_the_demonstration_city_says_everything_itself() -> None:
    """Its answer key counts on exact rules: nothing may be added to them by a word in the dictionary."""
    entries = yaml.safe_load((CITY / "elements.yml").read_text("utf-8"))
    dictionary = {entry["id"]: ElementDocument.model_validate(entry) for entry in entries}
    for document in documents().values():
        assert resolve(document, dictionary) == document
    shown = {(one.item, one.field) for document in documents().values() for one in deviations_of(document, dictionary)}
    assert shown == {("valid_from", "sensitivity"), ("valid_until", "sensitivity")}  # credit entries are public by law
