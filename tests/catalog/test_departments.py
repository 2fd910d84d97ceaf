"""Departments and the names they bear, at any date."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from catalog import departments
from catalog.departments import DepartmentDocument
from catalog.naming.registry import read_registry
from catalog.reform import reforms
from catalog.reform.reforms import Act
from schemas.errors import Invalid

DAY = date(2020, 3, 1)


def bureau(department_id: str, name: str, **more: object) -> DepartmentDocument:
    return DepartmentDocument.model_validate({"id": department_id, "name": name, "short_name": name, **more})


@pytest.fixture
def town(session: Session) -> Session:
    for document in (
        bureau("trade", "兴和市工商行政管理局"),
        bureau("quality", "兴和市质量技术监督局"),
        bureau("tax", "兴和市税务局", former_names=("兴和市国家税务局",)),
    ):
        departments.save(session, document)
    return session


def who(session: Session, name: str, on: date) -> list[str]:
    return [one.id for one in departments.bearing(session, name, on)]


def test_a_name_is_resolved_at_a_date(town: Session) -> None:
    reforms.rename(town, "trade", "兴和市市场监管局", Act(DAY, "兴编〔2020〕1号", "li"))
    assert who(town, "兴和市工商行政管理局", date(2019, 1, 1)) == ["trade"]
    assert who(town, "兴和市工商行政管理局", DAY) == []
    assert who(town, "兴和市市场监管局", date(2020, 2, 29)) == []
    assert who(town, "兴和市市场监管局", DAY) == ["trade"]
    assert read_registry(town).bearing("兴和市工商行政管理局") == {"trade"}
    reforms.rename(town, "trade", "兴和市工商行政管理局", Act(date(2021, 1, 1), "撤回", "li"))
    assert who(town, "兴和市工商行政管理局", date(2020, 6, 1)) == []
    assert who(town, "兴和市工商行政管理局", date(2021, 1, 1)) == ["trade"]


def test_an_undated_former_name_is_known_at_any_date(town: Session) -> None:
    assert who(town, "兴和市国家税务局", date(2010, 1, 1)) == ["tax"]
    assert who(town, "没有这个局", date(2010, 1, 1)) == []


def test_whose_work_it_is_today_follows_mergers(town: Session) -> None:
    reforms.merge(town, ["quality"], "trade", Act(DAY, "合并", "li"))
    reforms.merge(town, ["trade"], "tax", Act(date(2022, 1, 1), "再合并", "li"))
    assert departments.current(town, ["quality", "trade", "tax", "none"]) == {
        "quality": "tax", "trade": "tax", "tax": "tax", "none": None,
    }  # fmt: skip
    assert who(town, "兴和市质量技术监督局", date(2019, 12, 31)) == ["quality"]
    assert who(town, "兴和市质量技术监督局", date(2021, 1, 1)) == []
    assert read_registry(town).bearing("兴和市质量技术监督局。") == {"tax"}


def test_an_old_document_does_not_undo_a_rename(town: Session) -> None:
    reforms.rename(town, "trade", "兴和市市场监管局", Act(DAY, "兴编〔2020〕1号", "li"), short_name="市监局")
    departments.save(town, bureau("trade", "兴和市工商行政管理局", sharing_office="信息科"))
    row = departments.get(town, "trade")
    town.refresh(row)
    assert (row.name, row.short_name, row.sharing_office) == ("兴和市市场监管局", "市监局", "信息科")
    departments.save(town, bureau("trade", "兴和市市场监督管理局"))  # a correction is no former name
    town.refresh(row)
    assert row.name == "兴和市市场监督管理局"


def test_departments_are_found_by_state_and_name(town: Session) -> None:
    reforms.merge(town, ["quality"], "trade", Act(DAY, "合并", "li"))
    assert [one.id for one in departments.find(town, state="active")] == ["tax", "trade"]
    assert [one.id for one in departments.find(town, "兴和市国家税务局")] == ["tax"]
    assert [name.valid_to for name in departments.names_of(town, "quality")] == [DAY]
    with pytest.raises(Invalid, match=r"directory\.unknown_department"):
        departments.get(town, "none")
