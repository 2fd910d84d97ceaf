"""Pairs of plain tables: dirty ones, written here."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.findings import Finding, Outcome
from catalog.lists import pairs
from catalog.reform import department_names
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department, Suggestion
from schemas.tables.directory import Resource

RESOURCES = """\
type_id,code,name_zh,identify,en_code,department_zh,department_code,red_black
1,XSPJXX,刑事判决信息,XSPJXX,xspjxx,,Szjrmfy,NULL
2,JDCWFXX,机动车违法信息,JDCWFXX,jdcwfxx,公安局.,,BLACK
3,GRRYXX,个人荣誉信息,GRRYXX,grryx,市教育局.,Sjyj,RED
4,JGRYXX,个人荣誉信息,JGRYXX,jgryxx,,Sjyj,
5,DBHXX,低保户信息,DBHXX,dbhxx,,,NULL
6,TEST,演示资源目录,TEST,test,市气象局,Sgaj,NULL
"""
FIELDS = """\
resource_code,resource_name_zh,department_code,seq,field_en,field_zh
JDCWFXX,机动车违法信息,,2,cardID,身份证号
JDCWFXX,机动车违法信息,,1,plateNumber,号牌号码
JDCWFXX,车辆违法,,3,plateNumber,号牌号码
GRRYXX,个人荣誉信息,Sjyj,1,name,姓名
GRRYXX,个人荣誉信息,Sgaj,2,,荣誉名称
DBHX,,,1,householdName,户主姓名
DBHXX,低保户信息,,1,organisationNameOfHolder,单位
"""


def write(folder: Path, resources: str = RESOURCES, fields: str = FIELDS, encoding: str = "utf-8") -> Path:
    (folder / "resources.csv").write_text(resources, encoding)
    (folder / "fields.csv").write_text(fields, encoding)
    return folder


def codes(outcome: Outcome) -> Counter[str]:
    return Counter({code: n for code, n in outcome.findings.counts.items() if code.startswith("pair.")})


def found(outcome: Outcome, code: str) -> list[Finding]:
    return [one for one in outcome.findings if one.code == code]


@pytest.fixture
def folder(tmp_path: Path, town: Path) -> Path:  # noqa: ARG001 - the town writes into the same folder
    (tmp_path / "lists").mkdir()
    return write(tmp_path / "lists")


def test_every_piece_of_dirt_is_told_and_everything_comes_in(directory_session: Session, folder: Path) -> None:
    outcome = pairs.take_in(directory_session, folder, by="li")
    assert len(outcome.created) == 6
    assert outcome.findings.errors == 0
    assert codes(outcome) == {
        "pair.department_by_code": 2, "pair.department_suggested": 1, "pair.department_unknown": 3, "pair.department_missing": 1,
        "pair.untidy_name": 2, "pair.codes_differ": 1, "pair.looks_like_a_test": 1, "pair.name_repeated": 2, "pair.no_items": 3,
        "pair.unknown_resource": 1, "pair.item_half_named": 1, "pair.duplicate_item_code": 2, "pair.duplicate_item_name": 2,
        "pair.item_code_differs": 1, "pair.resource_name_differs": 1,
    }  # fmt: skip
    (lost,) = found(outcome, "pair.unknown_resource")
    assert (lost.file, lost.row, lost.column, lost.value) == ("fields.csv", 7, "resource_code", "DBHX")
    assert found(outcome, "pair.item_code_differs")[0].facts["own"] == "Sjyj"


def test_importing_twice_changes_nothing(directory_session: Session, folder: Path) -> None:
    pairs.take_in(directory_session, folder)
    before = directory_session.scalar(select(func.count()).select_from(Department))
    again = pairs.take_in(directory_session, folder)
    assert "0 created, 0 changed, 6 unchanged" in again.summary()
    assert directory_session.scalar(select(func.count()).select_from(Department)) == before


def test_items_keep_their_order_and_every_double(directory_session: Session, folder: Path) -> None:
    pairs.take_in(directory_session, folder)
    draft = directory.draft(directory_session, "public_security.jdcwfxx")
    assert [(item.id, item.name) for item in draft.items] == [
        ("plate_number", "号牌号码"),
        ("card_id", "身份证号"),
        ("plate_number_2", "号牌号码"),
    ]
    assert draft.department == "public_security"
    assert draft.keywords == ("黑名单",)


def test_codes_of_one_bureau_meet_its_name(directory_session: Session, folder: Path) -> None:
    outcome = pairs.take_in(directory_session, folder)
    assert {"sjyj.grryxx", "sjyj.jgryxx", "unnamed.dbhxx"} <= set(outcome.created)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_other_encodings_say_the_same(directory_session: Session, folder: Path, encoding: str) -> None:
    pairs.take_in(directory_session, folder)
    again = pairs.take_in(directory_session, write(folder, encoding=encoding))
    assert again.unchanged == 6


def test_columns_may_be_named_in_chinese(directory_session: Session, folder: Path) -> None:
    pairs.take_in(directory_session, folder)
    resources = RESOURCES.replace("code,name_zh", "信息资源代码,信息资源名称", 1).replace(
        "department_zh", "信息资源提供方"
    )
    resources = resources.replace("type_id,", "序号,").replace("department_code", "部门代码")
    fields = FIELDS.replace("resource_code", "资源代码").replace("field_en,field_zh", "字段名,信息项名称")
    again = pairs.take_in(directory_session, write(folder, resources, fields))
    assert again.unchanged == 6
    assert codes(again)["pair.column_ignored"] == 0


def test_what_people_added_to_a_draft_stays(directory_session: Session, folder: Path) -> None:
    pairs.take_in(directory_session, folder)
    draft = directory.draft(directory_session, "public_security.jdcwfxx")
    items = (draft.items[0].model_copy(update={"length": 10, "required": True}), *draft.items[1:])
    better = draft.model_copy(update={"abstract": "酒后驾车等", "items": items, "update_cycle": 4})
    directory.save_drafts(directory_session, [ResourceDraft.model_validate(better.model_dump())])
    assert pairs.take_in(directory_session, folder).unchanged == 6
    kept = directory.draft(directory_session, "public_security.jdcwfxx")
    assert (kept.abstract, kept.update_cycle, kept.items[0].length) == ("酒后驾车等", 4, 10)
    again = pairs.take_in(directory_session, write(folder, RESOURCES.replace("机动车违法信息", "机动车违法记录")))
    assert again.changed == ["public_security.jdcwfxx"]
    kept = directory.draft(directory_session, "public_security.jdcwfxx")
    assert (kept.name, kept.abstract, kept.items[0].length) == ("机动车违法记录", "酒后驾车等", 10)


def test_a_placed_name_takes_its_resources_along_and_they_are_not_made_twice(
    directory_session: Session, folder: Path
) -> None:
    pairs.take_in(directory_session, folder)
    (asked,) = directory_session.scalars(select(Suggestion).where(Suggestion.given == "市教育局"))
    department_names.accept(directory_session, asked.id, "city", "li")
    again = pairs.take_in(directory_session, folder)
    assert "0 created, 0 changed" in again.summary()
    assert directory_session.get_one(Resource, "sjyj.grryxx").department_id == "city"
    assert directory.draft(directory_session, "sjyj.grryxx").department == "city"


def test_a_department_filled_in_later_takes_the_resource_over(directory_session: Session, folder: Path) -> None:
    pairs.take_in(directory_session, folder)
    mended = RESOURCES.replace("dbhxx,,,NULL", "dbhxx,公安局,,NULL")
    again = pairs.take_in(directory_session, write(folder, mended))
    assert (again.created, again.changed) == ([], ["unnamed.dbhxx"])
    assert directory_session.get_one(Resource, "unnamed.dbhxx").department_id == "public_security"
    assert pairs.take_in(directory_session, folder).unchanged == 6
    lost_again = pairs.take_in(directory_session, write(folder))  # the older list names nobody: what is known stays
    assert lost_again.unchanged == 6


@pytest.mark.parametrize(
    ("resources", "fields", "code", "kept"),
    [
        (RESOURCES + "7,,无代码,,,公安局,,\n", FIELDS, "pair.resource_incomplete", 6),
        (RESOURCES + "7,NONAME,,NONAME,noname,公安局,,\n", FIELDS, "pair.resource_incomplete", 6),
        (RESOURCES + "7,TEST,又一个,TEST,test,公安局,,\n", FIELDS, "pair.duplicate_resource", 6),
        (RESOURCES + "7,SHORT,少列\n", FIELDS, "pair.row_length", 6),
        (RESOURCES, FIELDS + "TEST,演示资源目录,Sgaj,1,,\n", "pair.item_unnamed", 6),
    ],
)
def test_an_error_keeps_everything_out_unless_partial(
    directory_session: Session, folder: Path, resources: str, fields: str, code: str, kept: int
) -> None:
    write(folder, resources, fields)
    outcome = pairs.take_in(directory_session, folder)
    assert outcome.created == []
    assert [one.code for one in outcome.findings if one.is_error] == [code]
    assert directory_session.scalars(select(Department.id).where(Department.state == "proposed")).all() == []
    assert len(pairs.take_in(directory_session, folder, partial=True).created) == kept


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,b\n1,2\n", "pair.no_resources"),
        (b"", "pair.no_resources"),
        (b"PK\x03\x04\x00\x00", "directory.bad_document"),
        (b"code,name,department\n\xff\xff\xff\xff,x,y\n", "directory.bad_document"),
        (b'code,name,department\nA,"open,x\n', "directory.bad_document"),
        (b"code,name,department\nA," + b"x" * 200_000 + b",y\n", "directory.bad_document"),
    ],
)
def test_what_is_no_table_is_refused_by_name(directory_session: Session, tmp_path: Path, content: bytes, code: str) -> None:  # fmt: skip
    file = tmp_path / "resources.csv"
    file.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        pairs.take_in(directory_session, file)
    assert caught.value.code == code


def test_every_finding_speaks_both_languages(directory_session: Session, folder: Path) -> None:
    for one in pairs.take_in(directory_session, folder).findings:
        for language in ("zh", "en"):
            assert "<" not in one.words(language) + one.remedy(language)
