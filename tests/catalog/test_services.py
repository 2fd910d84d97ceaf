"""Service items and their materials: what is linked is linked wholly, a list comes in with its dirt told, and nothing people added is lost."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.orm import Session

from catalog import departments
from catalog.departments import DepartmentDocument
from catalog.findings import Findings
from catalog.lists import service_list
from catalog.service import services
from catalog.service.materials import Material
from catalog.service.services import ServiceItemDocument
from schemas.errors import Invalid
from schemas.tables.services import ServiceItem

HEADER = "department,main_item,name,area_code,item_code,task_type,dept_code"
GOOD = "511A0138000000-511602000000-000-11370800MB28559184-1-00"
LINES = [
    f"区民政局,未分类,低保认定,511602000000,{GOOD},7,11370800MB28559184",
    "区民政局,救助,临时救助,511602000000,511A0138000001-511602000000-000-00877868-5-1-00,7,00877868-5",
    "区民政局,救助,临时救助,511602000000,E-000004-001-11511301008778386B,20,00877868-5",
    "区住建局,,施工许可,511602000000,11370800MB285591843370117002011,1,11370800MB28559184",
    "区住建局,,绿化审批,511602000000,什么也不是,77,",
]
KNOWN = {"target": {"resource": "d.r", "items": ["a"]}, "match_keys": {"身份证号": "a"}}


@pytest.fixture
def town_hall(session: Session) -> Session:
    """A session with one department."""
    departments.save(session, DepartmentDocument(id="civil", name="区民政局", short_name="民政局"))
    return session


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """A list of service items as a district keeps it."""
    path = tmp_path / "service_items.csv"
    path.write_text("\n".join([HEADER, *LINES]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("link", "missing"),
    [
        ({"obtain_mode": 2, "status": "linked"}, "target.resource"),
        ({"obtain_mode": 1, "status": "tested", "target": {"resource": "d.r"}}, "target.items"),
        ({"obtain_mode": 1, "status": "linked", **KNOWN, "match_keys": {}}, "match_keys"),
        ({"obtain_mode": 3, "status": "in_use", "match_keys": {"证号": "x"}}, "target.certificate_type"),
        ({"obtain_mode": 4, "status": "in_use"}, "basis"),
        ({"obtain_mode": 5, "status": "linked"}, "target.department"),
        ({"obtain_mode": 0, "status": "linked"}, "obtain_mode"),
    ],
)
def test_a_linked_material_names_all_that_its_way_needs(link: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        Material.model_validate({"id": "m", "name": "材料"} | link)


def test_a_material_may_be_a_candidate_for_as_long_as_it_takes() -> None:
    assert Material(id="m", name="材料", obtain_mode=2).status == "candidate"
    assert (
        Material.model_validate({"id": "m", "name": "材料", "obtain_mode": 2, "status": "in_use", **KNOWN}).copies == 1
    )


@pytest.mark.parametrize(
    "condition", [{"holds": "equals_form"}, {"holds": "one_of"}, {"holds": "present", "values": ["1"]}]
)
def test_a_condition_says_against_what_it_holds(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs"):
        Material.model_validate({"id": "m", "name": "材料", "sufficient": [{"item": "a"} | condition]})


def test_codes_that_disagree_are_flagged_and_kept(town_hall: Session) -> None:
    task = "11370800MB285591843370117002011"
    services.save(
        town_hall,
        ServiceItemDocument(
            id="x", name="x", department="civil", catalog_code="370117002099", task_code=task, handle_codes=(task,)
        ),
    )
    row = services.get(town_hall, task)  # by its national code
    assert row.id == "x"
    assert [flag["code"] for flag in row.findings] == [
        "service.codes_disagree", "service.other_code", "service.codes_disagree",
    ]  # fmt: skip


def test_saving_twice_changes_nothing_and_a_change_is_seen(town_hall: Session) -> None:
    wanted = ServiceItemDocument(id="x", name="低保", department="civil", materials=(Material(id="m", name="材料"),))
    assert services.save(town_hall, wanted)
    assert not services.save(town_hall, wanted)
    assert services.save(town_hall, wanted.model_copy(update={"name": "低保认定"}))
    assert services.document_of(services.get(town_hall, "x")).name == "低保认定"
    with pytest.raises(Invalid, match=r"directory\.unknown_department"):
        services.save(town_hall, wanted.model_copy(update={"department": "nobody"}))


def test_a_list_comes_in_with_its_dirt_told_and_kept(town_hall: Session, csv: Path) -> None:
    outcome = service_list.take_in(town_hall, csv)
    assert (len(outcome.created), outcome.refused) == (5, 0)
    assert outcome.findings.errors == 0
    assert dict(outcome.findings.counts) == {
        "service.old_code": 3, "service.invalid_uscc_in_code": 1, "service.unknown_code": 1, "service.unknown_kind": 1,
        "service.invalid_department_code": 1, "service.same_name": 1, "pair.department_unknown": 1,
    }  # fmt: skip
    relief = services.get(town_hall, GOOD)
    assert (relief.department_id, relief.kind, relief.main_item) == ("civil", "07", None)
    assert [flag["code"] for flag in relief.findings] == ["service.old_code"]
    permit = services.get(town_hall, "11370800MB285591843370117002011")
    assert (permit.task_code, permit.catalog_code, permit.level) == (permit.id, "370117002011", "3")
    assert permit.findings == []


def test_every_finding_has_its_words_in_both_languages(csv: Path) -> None:
    findings = Findings()
    service_list.read_services(csv, findings)
    for finding in findings:
        for said in (finding.words("zh"), finding.words("en"), finding.remedy("zh"), finding.remedy("en")):
            assert said
            assert "<" not in said  # a fact that is not known shows as <name>


def test_taking_the_same_list_in_twice_changes_nothing(town_hall: Session, csv: Path) -> None:
    service_list.take_in(town_hall, csv)
    again = service_list.take_in(town_hall, csv)
    assert again.summary().startswith("0 created, 0 changed, 5 unchanged")


def test_what_people_added_in_the_hub_outlives_the_list(town_hall: Session, csv: Path) -> None:
    service_list.take_in(town_hall, csv)
    own = services.document_of(services.get(town_hall, GOOD))
    services.save(
        town_hall, own.model_copy(update={"basis": "社会救助法", "materials": (Material(id="m", name="声明"),)})
    )
    csv.write_text(csv.read_text("utf-8").replace("低保认定", "低保对象认定"), "utf-8")
    outcome = service_list.take_in(town_hall, csv)
    assert outcome.changed == [GOOD]
    row = services.get(town_hall, GOOD)
    assert (row.name, row.basis, row.materials[0]["name"]) == ("低保对象认定", "社会救助法", "声明")


def test_a_list_with_errors_leaves_nothing_unless_partial(town_hall: Session, csv: Path) -> None:
    csv.write_text("\n".join([HEADER, *LINES, LINES[0], "区税务局,,,511602000000,1,1,", "短了"]), "utf-8")
    outcome = service_list.take_in(town_hall, csv)
    assert outcome.findings.errors == 3
    assert {f.code: f.row for f in outcome.findings if f.is_error} == {
        "service.duplicate_code": 7, "service.missing_value": 8, "pair.row_length": 9,
    }  # fmt: skip
    assert town_hall.query(ServiceItem).count() == 0
    assert [d.id for d in departments.find(town_hall)] == ["civil"]
    partial = service_list.take_in(town_hall, csv, partial=True)
    assert (len(partial.created), partial.refused) == (5, 3)


def test_a_table_without_the_wanted_columns_is_refused(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(Invalid, match=r"item_code"):
        service_list.take_in(session, path)


def test_chinese_headers_and_gb18030_are_read_too(town_hall: Session, tmp_path: Path) -> None:
    path = tmp_path / "事项.csv"
    path.write_bytes(f"实施主体,事项名称,实施编码\n区民政局,低保认定,{GOOD}\n".encode("gb18030"))
    assert service_list.take_in(town_hall, path).created == [GOOD]
