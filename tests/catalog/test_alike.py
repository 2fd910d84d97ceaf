"""Items that look alike across departments are proposed as data elements; a person decides, and the items are bound."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import departments, directory, elements
from catalog.departments import DepartmentDocument
from catalog.dictionary import alike, element_proposals
from catalog.dictionary.alike import Unbound, canonical, group
from catalog.dictionary.element_proposals import Choice
from catalog.elements import ElementDocument
from schemas.errors import Invalid
from schemas.resource import ResourceDraft

NAME = ElementDocument(id="person_name", name="姓名", type="C", length=50, sensitivity="personal")


def _item(department: str, name: str, item: str = "x", **more: Any) -> Unbound:
    plain = {"type": "C", "length": None, "code_table": None, "sensitivity": "internal"}
    return Unbound(f"{department}.r", department, item, name, **(plain | more))


def _names(found: list[alike.Proposal]) -> list[set[str]]:
    return [set(proposal.names) for proposal in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("身份证号", "身份证号码"), ("居民身份证号", "公民身份号码"), ("注册资本（万元）", "注册资本"), ("发证机关", "发证单位"),
        ("认定时间", "认定日期"), ("联系电话", "联系 电话"), ("ＩＤ号", "id号"), ("社会信用代码", "统一社会信用代码"),
    ],
)  # fmt: skip
def test_spellings_of_one_name_are_one(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("工作单位", "工作机关"),
        ("企业名称", "姓名"),
        ("处罚类别1", "处罚类别2"),
        ("发证日期", "生效日期"),
        ("主管部门", "主管机关"),
    ],
)
def test_other_names_stay_others(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_one_department_alone_proposes_nothing_new() -> None:
    assert group([_item("a", "荣誉名称"), _item("a", "荣誉名称", "y")], {}) == []
    (found,) = group([_item("a", "荣誉名称", "honor_name"), _item("b", "荣誉 名称", "honor_name")], {})
    assert (found.departments, found.element.id, len(found.items)) == (("a", "b"), "honor_name", 2)
    assert found.reasons == ("spelling",)


def test_names_of_one_id_are_joined_when_they_are_nearly_one() -> None:
    rows = [_item("a", "法人代表", "principal"), _item("b", "法定代表人", "principal"), _item("c", "企业名称", "name"),
            _item("d", "姓名", "name"), _item("e", "企业名称", "name"), _item("f", "姓名", "name")]  # fmt: skip
    assert sorted(map(sorted, _names(group(rows, {})))) == [["企业名称"], ["姓名"], ["法人代表", "法定代表人"]]


def test_a_name_that_offers_alternatives_joins_nothing() -> None:
    names = {"a": "企业名称", "b": "企业名称", "c": "企业名称/单位名称", "d": "单位名称"}
    rows = [_item(department, name, "name") for department, name in names.items()]
    assert _names(group(rows, {})) == [{"企业名称"}]


def test_types_that_contradict_part_what_silence_does_not() -> None:
    rows = [_item("a", "评定结果", type="D"), _item("b", "评定结果", type="D"), _item("c", "评定结果"),
            _item("d", "评定结果", type="N"), _item("e", "评定结果", type="N")]  # fmt: skip
    dates, numbers = group(rows, {})
    assert (dates.element.type, len(dates.items)) == ("D", 3)
    assert (numbers.element.type, len(numbers.items)) == ("N", 2)
    assert dates.element.id != numbers.element.id


def test_a_proposal_takes_the_widest_and_the_closest_of_its_items() -> None:
    rows = [_item("a", "残疾等级", "level", length=2, code_table="sex"), _item("b", "残疾等级", "level", length=10, sensitivity="sensitive")]  # fmt: skip
    (found,) = group(rows, {})
    assert (found.element.length, found.element.code_table, found.element.sensitivity) == (10, "sex", "sensitive")
    assert found.element.id == "can_ji_deng_ji"  # `level` says nothing


def test_what_the_dictionary_knows_is_bound_to_it_even_in_one_department() -> None:
    (found,) = group([_item("a", "姓 名")], {NAME.id: NAME})
    assert found.known == ("person_name",)
    assert found.reasons[0] == "in_dictionary"


def test_two_hundred_thousand_items_are_grouped_in_one_pass() -> None:
    rows = [_item(f"d{n // 7 % 39}", f"信息项{chr(0x4E00 + n % 5000)}{n % 7}", f"c{n % 900}") for n in range(200_000)]
    found = group(rows, {})
    assert sum(len(proposal.items) for proposal in found) > 0
    assert all(len(proposal.departments) >= 2 for proposal in found)


@pytest.fixture
def bureaus(session: Session) -> Session:
    """A session with three departments whose drafts hold items nobody bound."""
    for department in ("a", "b", "c"):
        departments.save(
            session, DepartmentDocument(id=department, name=f"兴和市{department}局", short_name=department)
        )
    drafts = [_draft("a", "honor_name", "荣誉名称"), _draft("b", "honor_name", "荣誉 名称"), _draft("c", "xm", "姓名")]
    directory.save_drafts(session, drafts)
    return session


def _draft(department: str, item: str, name: str) -> ResourceDraft:
    items = [{"id": item, "name": name}, {"id": "other", "name": f"{department}备注"}]
    return ResourceDraft.model_validate(
        {"id": f"{department}.r", "name": f"{department}清单", "department": department, "items": items}
    )


def _ask(session: Session) -> dict[str, int]:
    return {row.given: row.id for row in element_proposals.ask(session, alike.propose(session))}


def test_an_accepted_proposal_becomes_an_element_and_binds_its_items(bureaus: Session) -> None:
    number = _ask(bureaus)["荣誉名称"]
    done = element_proposals.accept(bureaus, number, by="数据局")
    assert (done.element, done.is_new, done.items) == ("honor_name", True, 2)
    assert elements.document_of(elements.get(bureaus, "honor_name")).synonyms == ("荣誉 名称",)
    assert len(directory.save_drafts(bureaus, done.drafts).changed) == 2
    assert directory.draft(bureaus, "a.r").item("honor_name").element == "honor_name"
    assert directory.draft(bureaus, "a.r").item("other").element is None
    assert _ask(bureaus) == {}
    with pytest.raises(Invalid, match=r"suggestion\.decided"):
        element_proposals.accept(bureaus, number)


def test_items_are_bound_to_what_the_dictionary_knows(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    done = element_proposals.accept(bureaus, _ask(bureaus)["姓名"])
    assert (done.element, done.is_new, [draft.id for draft in done.drafts]) == ("person_name", False, ["c.r"])
    assert len(elements.versions(bureaus, "person_name")) == 1  # nothing new was learnt


def test_a_person_may_choose_otherwise(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    number = _ask(bureaus)["荣誉名称"]
    with pytest.raises(Invalid, match=r"directory\.element_exists"):
        element_proposals.accept(bureaus, number, Choice(new_id="person_name"))
    choice = Choice(new_id="honour", name="荣誉", lead="a", without=("荣誉 名称",))
    done = element_proposals.accept(bureaus, number, choice)
    assert (done.element, [draft.id for draft in done.drafts]) == ("honour", ["a.r"])
    honour = elements.get(bureaus, "honour")
    assert (honour.name, honour.lead_department_id, honour.synonyms) == ("荣誉", "a", ["荣誉名称"])


def test_what_comes_in_later_is_asked_about_again(bureaus: Session) -> None:
    number = _ask(bureaus)["荣誉名称"]
    directory.save_drafts(bureaus, element_proposals.accept(bureaus, number).drafts)
    directory.save_drafts(bureaus, [_draft("c", "honor", "荣誉名称")])
    assert _ask(bureaus) == {"荣誉名称": number}
    assert element_proposals.accept(bureaus, number).items == 1


def test_what_was_rejected_is_not_asked_again(bureaus: Session) -> None:
    number = _ask(bureaus)["荣誉名称"]
    element_proposals.reject(bureaus, number, why="两种荣誉")
    assert _ask(bureaus) == {}


def test_a_synonym_that_another_element_claims_is_left_to_it(bureaus: Session) -> None:
    number = _ask(bureaus)["荣誉名称"]
    elements.save(bureaus, NAME.model_copy(update={"synonyms": ("荣誉 名称",)}))
    element_proposals.accept(bureaus, number, Choice(new_id="honour"))
    assert elements.contested(elements.documents(bureaus).values()) == []
    assert elements.get(bureaus, "honour").synonyms == []
