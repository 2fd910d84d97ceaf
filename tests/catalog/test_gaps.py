"""What a draft lacks is said with its remedy; some of it keeps the draft from publication."""

from importlib.resources import files
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalog.gaps import Gap, blocking, gaps
from catalog.known import Known, folded
from schemas.resource import ResourceDraft
from tests.catalog.conftest import resource

KNOWN = Known({"public_security": "active"}, {"citizen_id": 1, "person_name": 1}, frozenset({"gz"}))
ASSESSED = resource()["assessment"]


def whole() -> dict[str, Any]:
    """A document that leaves nothing to say."""
    items = [{"length": 50, **item, "element": "person_name"} for item in resource()["items"]]
    return resource(items=items, keywords=["户籍"], duty="户口登记", grade="3", service_items=["gz"])


def found(known: Known = KNOWN, **changes: Any) -> dict[str, Gap]:
    return {gap.code: gap for gap in gaps(ResourceDraft.model_validate(whole() | changes), known)}


def test_a_whole_document_has_no_gaps() -> None:
    assert found() == {}


def test_of_a_bare_draft_everything_lacking_is_said() -> None:
    bare = ResourceDraft(id="public_security.x", name="登记信息", department="public_security")
    lacking = [(gap.field, gap.is_blocking) for gap in gaps(bare, KNOWN)]
    assert lacking == [
        ("category", True), ("code", True), ("abstract", True), ("format", True), ("sharing", True),
        ("update_cycle", True), ("assessment", True), ("keywords", False), ("duty", False), ("grade", False),
    ]  # fmt: skip


FILE = {"type": 1, "mode": "文件"}


@pytest.mark.parametrize(
    ("changes", "code", "is_blocking"),
    [
        ({"department": "nobody"}, "gap.department_unknown", True),
        ({"code": None, "category": "婚姻"}, "gap.no_code_given", True),
        ({"code": "201001/1"}, "gap.code_of_other_class", True),
        ({"code": "102001/1"}, "gap.code_of_other_group", False),
        ({"category": "婚姻"}, "gap.category_unknown", False),
        ({"format": {"category": "数据库", "type": "oracle"}}, "gap.format_category_unknown", True),
        ({"format": {"category": "3", "type": "xlsx"}}, "gap.format_type_foreign", True),
        ({"format": {"category": "6", "type": "图纸"}}, "gap.format_note_missing", True),
        ({"items": [], "checks": [], "source": None, "library": None}, "gap.items_missing", True),
        ({"sharing": {"type": 1, "mode": "邮件"}}, "gap.mode_foreign", True),
        ({"sharing": FILE}, "gap.database_mode", True),
        ({"format": {"category": "2", "type": "et"}}, "gap.file_mode", True),
        ({"sharing": {"type": 3, "condition": "不便共享"}}, "gap.law_not_named", False),
        ({"sharing": {"type": 3, "condition": "《某法》第九条"}, "is_open": True}, "gap.open_but_refused", False),
        ({"name": "人口综合管理系统"}, "gap.name_is_system", True),
        ({"name": "人口综合管理平台V2.0"}, "gap.name_is_system", True),
        ({"name": "金盾", "system": "“金盾”"}, "gap.name_is_system", True),
        ({"assessment": None}, "gap.assessment_missing", True),
        ({"assessment": ASSESSED | {"secrecy": "work_secret"}}, "gap.holds_secret", True),
        ({"assessment": ASSESSED | {"conclusion": " "}}, "gap.conclusion_missing", True),
        ({"library": "credit"}, "gap.attribute_unknown", True),
        ({"service_items": ["没有"]}, "gap.service_item_unknown", False),
    ],
)
def test_what_cannot_be_is_said_and_what_weighs_keeps_it_from_publication(
    changes: dict[str, Any], code: str, is_blocking: bool
) -> None:
    gap = found(**changes)[code]
    assert gap.is_blocking is is_blocking


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"element": "no_such"}, "gap.element_unknown"),
        ({"code_table": "no_such"}, "gap.code_table_unknown"),
        ({"attribute": "subject"}, "gap.no_subject"),
        ({"name": "公民 身份号码"}, "gap.item_repeats"),
        ({"element": None}, "gap.item_unbound"),
        ({"length": None}, "gap.length_missing"),
    ],
)
def test_an_item_is_held_against_the_directory(item: dict[str, Any], code: str) -> None:
    items = whole()["items"]
    items[1] |= item
    assert code in found(items=items)


def test_personal_items_contradict_an_assessment_without_personal_information() -> None:
    items = whole()["items"]
    items[1] |= {"sensitivity": "personal"}
    gap = found(items=items, assessment=ASSESSED | {"holds_personal_information": False})["gap.personal_undeclared"]
    assert "姓名" in gap.words("zh")


@pytest.mark.parametrize(
    ("format_", "sharing"),
    [
        ({"category": "2", "type": "XLSX"}, FILE),
        ({"category": "1", "type": "OFD"}, {"type": 1, "mode_category": "其他方式", "mode": "拷盘"}),
        ({"category": "3", "type": "dm"}, {"type": 1, "mode": "接口"}),
        ({"category": "6", "type": "自描述", "note": "测绘成果"}, FILE),
        ({"category": "7", "type": "接口"}, {"type": 1, "mode": "接口"}),
    ],
)
def test_formats_and_modes_that_go_together_pass(format_: dict[str, str], sharing: dict[str, Any]) -> None:
    assert found(format=format_, sharing=sharing) == {}


@pytest.mark.parametrize("state", ["proposed", "dissolved"])
def test_a_department_that_is_not_active_publishes_nothing(state: str) -> None:
    gap = found(Known({"public_security": state}, KNOWN.elements, KNOWN.service_items))[f"gap.department_{state}"]
    assert gap.is_blocking


def test_a_name_repeats_another_of_its_department_by_spaces_and_punctuation() -> None:
    other = ResourceDraft(id="public_security.other", name="常住人口（登记）信息", department="public_security")
    elsewhere = other.model_copy(update={"id": "x.other", "department": "civil_affairs"})
    changed = {"name": "常住 人口登记信息", "code": "101001/9"}
    assert "gap.name_repeats" in found(KNOWN.including([other]), **changed)
    assert found(KNOWN.including([elsewhere]), **changed) == {}


def test_a_code_of_another_resource_is_found_also_among_its_further_codes() -> None:
    other = ResourceDraft(
        id="public_security.other", name="其他", department="public_security", more_codes=("101001/0001",)
    )
    assert "public_security.other" in found(KNOWN.including([other]))["gap.code_repeats"].words("en")


def test_a_draft_does_not_repeat_itself() -> None:
    assert found(KNOWN.including([ResourceDraft.model_validate(whole())])) == {}


@given(st.text("常住 人口（）()·.、ＡａA1", max_size=12), st.text(" ·、（）", max_size=4))
def test_folding_takes_away_what_spelling_adds_and_nothing_else(name: str, noise: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert folded(noise.join(name)) == folded(name)
    assert folded(name + "甲") != folded(name)


def test_every_gap_speaks_both_languages_and_names_a_remedy() -> None:
    words = yaml.safe_load(files("catalog").joinpath("gaps.yml").read_text("utf-8"))
    variants: tuple[dict[str, Any], ...] = ({}, {"format": None, "name": "系统", "assessment": None})
    told = [gap for changes in variants for gap in found(**changes).values()]
    assert all(gap.code in words for gap in told)
    for code, entry in words.items():
        assert code.startswith("gap.")
        assert all(entry[part][language] for part in ("title", "remedy") for language in ("zh", "en"))


def test_only_blocking_ones_keep_from_publication() -> None:
    draft = ResourceDraft.model_validate(whole() | {"keywords": [], "assessment": None})
    assert [gap.code for gap in blocking(draft, KNOWN)] == ["gap.assessment_missing"]
