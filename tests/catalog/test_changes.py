"""Two versions compared: what is lost is breaking, what is gained is not, and every change says why in both languages."""

import time
from string import Formatter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.review import changes
from catalog.review.changes import Diff, diff
from schemas.resource import Item, ResourceDraft
from tests.catalog.conftest import resource


def version(**more: Any) -> ResourceDraft:
    return ResourceDraft.model_validate(resource(**more))


def with_item(item_id: str, **more: Any) -> ResourceDraft:
    body = resource()
    body["items"] = [item | more if item["id"] == item_id else item for item in body["items"]]
    return ResourceDraft.model_validate(body)


def without(*item_ids: str) -> dict[str, Any]:
    body = resource(checks=[])
    body["items"] = [item for item in body["items"] if item["id"] not in item_ids]
    body["source"]["mapping"] = {k: v for k, v in body["source"]["mapping"].items() if v not in item_ids}
    return body


def codes(found: Diff) -> list[tuple[str, str]]:
    return [(change.path, change.code) for change in found.changes]


BREAKING_ITEM = [
    ("name", {"length": 20}, "length_shortened"),
    ("name", {"type": "N"}, "type_changed"),
    ("birth_date", {"type": "T"}, "type_changed"),
    ("birth_date", {"required": True}, "now_required"),
    ("name", {"required": False}, "now_optional"),
    ("sex", {"code_table": "marital"}, "code_table_changed"),
    ("sex", {"code_table": None}, "code_table_changed"),
    ("sex", {"attribute": None}, "attribute_unbound"),
    ("sex", {"attribute": "ethnic_group"}, "attribute_rebound"),
    ("name", {"element": "other_name"}, "element_changed"),
    ("name", {"sensitivity": "sensitive"}, "sensitivity_raised"),
    ("name", {"share_type": 3}, "sharing_tightened"),
    ("name", {"pattern": "^.+$"}, "check_tightened"),
    ("citizen_id", {"check": "uscc"}, "check_tightened"),
    ("name", {"name": "户主"}, "item_relabelled"),
    ("birth_date", {"minimum": 1}, "range_narrowed"),
]
COMPATIBLE_ITEM = [
    ("name", {"length": 100}, "length_extended"),
    ("name", {"length": None}, "length_extended"),
    ("name", {"type": "M"}, "type_widened"),
    ("name", {"synonyms": ["名字"]}, "synonym_added"),
    ("name", {"name": "户主", "synonyms": ["姓名"]}, "item_relabelled_kept"),
    ("name", {"share_type": 1}, "sharing_relaxed"),
    ("name", {"share_type": 2}, "stated_otherwise"),
    ("name", {"element": None}, "element_unbound"),
    ("birth_date", {"element": "date_of_birth"}, "element_bound"),
    ("citizen_id", {"check": None}, "check_dropped"),
    ("name", {"normalise": ["trim"]}, "stated_otherwise"),
]
BREAKING_RESOURCE = [
    ({"sharing": {"type": 3, "condition": "《保密法》"}}, "sharing_tightened"),
    ({"sharing": {"type": 2, "condition": "另有条件"}}, "condition_changed"),
    ({"sharing": {"type": 2, "condition": "用于政务服务事项办理", "mode": "文件"}}, "mode_changed"),
    ({"update_cycle": 7}, "cycle_slower"),
    ({"update_cycle": 8}, "cycle_slower"),
    ({"format": {"category": "2", "type": "xlsx"}}, "format_changed"),
    ({"code": "101001/0002"}, "code_changed"),
    ({"library": None}, "library_changed"),
    ({"source": None}, "source_removed"),
    ({"source": resource()["source"] | {"key": ["name"]}}, "key_changed"),
]
COMPATIBLE_RESOURCE = [
    ({"sharing": {"type": 1}}, "sharing_relaxed"),
    ({"update_cycle": 1}, "cycle_faster"),
    ({"abstract": "全部户籍人口"}, "stated_otherwise"),
    ({"name": "户籍人口信息"}, "stated_otherwise"),
    ({"is_open": True}, "open_begun"),
    ({"keywords": ["人口"]}, "stated_otherwise"),
    ({"checks": []}, "stated_otherwise"),
    ({"source": resource()["source"] | {"watermark": "birth_date"}}, "source_changed"),
]


@pytest.mark.parametrize(("item_id", "more", "code"), BREAKING_ITEM)
def test_what_an_item_loses_is_breaking(item_id: str, more: dict[str, Any], code: str) -> None:
    found = diff(version(), with_item(item_id, **more))
    assert code in [change.code for change in found.breaking]
    assert found.kind == "breaking"
    assert {change.item_id for change in found.breaking} == {item_id}


@pytest.mark.parametrize(("item_id", "more", "code"), COMPATIBLE_ITEM)
def test_what_an_item_gains_is_not(item_id: str, more: dict[str, Any], code: str) -> None:
    found = diff(version(), with_item(item_id, **more))
    assert code in [change.code for change in found.changes]
    assert found.kind == "compatible"


@pytest.mark.parametrize(("more", "code"), BREAKING_RESOURCE)
def test_what_the_whole_resource_loses_is_breaking_for_every_item(more: dict[str, Any], code: str) -> None:
    found = diff(version(), version(**more))
    assert code in [change.code for change in found.breaking]
    assert found.of_item("name") == found.breaking


@pytest.mark.parametrize(("more", "code"), COMPATIBLE_RESOURCE)
def test_what_the_whole_resource_gains_is_not(more: dict[str, Any], code: str) -> None:
    found = diff(version(), version(**more))
    assert code in [change.code for change in found.changes]
    assert found.kind == "compatible"


def test_nothing_changed_is_no_change() -> None:
    assert diff(version(), version()) == Diff(())
    assert diff(version(), version()).kind == "none"


def test_the_order_of_items_is_no_change() -> None:
    assert diff(version(), version(items=resource()["items"][::-1])).kind == "none"


def test_a_removed_item_is_breaking_and_an_added_optional_one_is_not() -> None:
    smaller = ResourceDraft.model_validate(without("sex"))
    assert ("items.sex", "item_removed") in codes(diff(version(checks=[]), smaller))
    assert ("items.sex", "item_added") in codes(diff(smaller, version(checks=[])))
    assert diff(smaller, version(checks=[])).kind == "compatible"


def test_an_added_required_item_is_breaking() -> None:
    body = resource()
    body["items"] = [*body["items"], {"id": "address", "name": "住址", "required": True}]
    assert codes(diff(version(), ResourceDraft.model_validate(body))) == [("items.address", "item_added_required")]


@pytest.mark.parametrize("kept", ["name", "attribute", "element"])
def test_an_item_that_kept_its_name_attribute_or_element_was_renamed(kept: str) -> None:
    before = {"id": "address", "name": "住址", "attribute": "address", "element": "home_address"}
    after = {"id": "home", "name": "居所"} | {kept: before[kept]}
    old, new = (version(items=[*resource()["items"], item]) for item in (before, after))
    renamed = next(change for change in diff(old, new).changes if change.code == "item_renamed")
    assert (renamed.before, renamed.after, renamed.item_id) == ("address", "home", "address")
    assert "item_added" not in [code for _, code in codes(diff(old, new))]


def test_two_items_that_could_both_be_the_former_one_are_not_guessed() -> None:
    old = version(items=[*resource()["items"], {"id": "phone", "name": "电话", "element": "phone"}])
    both = [{"id": n, "name": f"电话{n}", "element": "phone"} for n in ("home_phone", "work_phone")]
    found = dict(codes(diff(old, version(items=[*resource()["items"], *both]))))
    assert found["items.phone"] == "item_removed"


def test_breaking_changes_come_first() -> None:
    found = diff(version(), with_item("sex", attribute=None, synonyms=["男女"]))
    assert [change.is_breaking for change in found.changes] == [True, False]


def test_every_meaning_has_words_in_both_languages_with_known_facts() -> None:
    for code, meaning in changes._meanings().items():
        assert set(meaning) == {"is_breaking", "zh", "en"}, code
        for language in ("zh", "en"):
            asked = {field for _, field, _, _ in Formatter().parse(meaning[language]) if field}
            assert asked <= {"name", "before", "after"}, code


def test_every_meaning_is_reached_by_a_case_above_or_named_here() -> None:
    reached = {code for *_, code in (*BREAKING_ITEM, *COMPATIBLE_ITEM, *BREAKING_RESOURCE, *COMPATIBLE_RESOURCE)}
    elsewhere = {"item_removed", "item_renamed", "item_added", "item_added_required"}
    others = {
        "range_widened": (with_item("birth_date", minimum=1), version()),
        "attribute_bound": (with_item("sex", attribute=None), version()),
        "sensitivity_lowered": (with_item("name", sensitivity="personal"), version()),
        "library_bound": (version(library=None), version()),
        "source_bound": (version(source=None), version()),
        "open_ended": (version(is_open=True), version()),
        "grade_raised": (version(grade="1"), version(grade="2")),
        "grade_lowered": (version(grade="2"), version(grade="1")),
        "use_added": (version(), version(sharing=resource()["sharing"] | {"uses": ["行政依据"]})),
        "use_removed": (version(sharing=resource()["sharing"] | {"uses": ["行政依据"]}), version()),
    }
    for code, (old, new) in others.items():
        assert code in [found.code for found in diff(old, new).changes]
    assert set(changes._meanings()) == reached | elsewhere | set(others)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_change_says_what_was_and_what_is(language: Any) -> None:
    (change,) = diff(version(), with_item("name", length=20)).changes
    assert all(word in change.why(language) for word in ("姓名", "50", "20"))


def test_a_thousand_items_are_compared_within_fifty_milliseconds() -> None:
    items = [
        {"id": f"i{n}", "name": f"项{n}", "element": f"e{n}", "length": 50, "synonyms": [f"别名{n}"]}
        for n in range(1000)
    ]
    changed = [
        item | {"length": 40, "name": f"新{n}"} if n % 2 else item | {"id": f"j{n}"} for n, item in enumerate(items)
    ]
    old, new = (version(items=[*resource()["items"], *some]) for some in (items, changed))
    diff(old, new)
    best = min(_seconds(old, new) for _ in range(20))
    assert len(diff(old, new).changes) == 1500
    assert best <= 0.05


def _seconds(old: ResourceDraft, new: ResourceDraft) -> float:
    begun = time.process_time()
    diff(old, new)
    return time.process_time() - begun


_ITEMS = st.lists(
    st.builds(
        Item,
        id=st.sampled_from(["a", "b", "c", "d"]),
        name=st.sampled_from(["甲", "乙", "丙"]),
        type=st.sampled_from("CNDM"),
        length=st.none() | st.integers(1, 99),
        required=st.booleans(),
        attribute=st.sampled_from([None, "x", "y"]),
        share_type=st.sampled_from([None, 1, 2, 3]),
    ),
    unique_by=lambda item: item.id,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(_ITEMS, _ITEMS)
def test_there_are_changes_exactly_when_versions_differ_and_removals_never_go_unseen(
    old: list[Item], new: list[Item]
) -> None:
    one, other = (ResourceDraft(id="d.r", name="名", department="d", items=tuple(items)) for items in (old, new))
    found = diff(one, other)
    assert (found.kind == "none") == ({item.id: item for item in old} == {item.id: item for item in new})
    gone = {item.id for item in old} - {item.id for item in new}
    assert gone == {change.item_id for change in found.breaking if change.code in ("item_removed", "item_renamed")}
    assert all(change.why("zh") and change.why("en") for change in found.changes)
    assert yaml.safe_dump([change.why() for change in found.changes], allow_unicode=True)
