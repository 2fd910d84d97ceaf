"""The directory's desk: by workbook with every error at its cell, and a draft's way to publication with everyone's step."""

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from sqlalchemy import delete, select, text

from catalog import directory
from exchange_api import officers
from schemas.database import transaction
from schemas.tables.directory import Acknowledgement, ResourceEvent, ResourceVersion

NAME = "新能源车检测信息"
MARRIAGE = "civil_affairs.marriage"
OFFICE = "weimin"  # a second officer of the police: who wrote a draft does not approve it


@pytest.fixture(scope="module", autouse=True)
def office(city: Any) -> None:
    with transaction() as session:
        city.passwords[OFFICE] = officers.add(session, OFFICE, "韦敏", "public_security", ["provider"])


@pytest.fixture
def fresh(city: Any) -> Iterator[None]:  # noqa: ARG001 - its directory must be there
    """What a test drafted goes away after it; what it published is withdrawn."""
    yield
    with transaction() as session:
        drafted = ResourceVersion.document["name"].astext == NAME
        for version in session.scalars(select(ResourceVersion).where(drafted)).all():
            if version.state == "published":
                directory.withdraw(session, version.resource_id)
            elif version.state != "withdrawn":
                session.execute(delete(ResourceEvent).where(ResourceEvent.version_id == version.id))
                session.execute(delete(ResourceVersion).where(ResourceVersion.id == version.id))


def book(city: Any, visitor: Any) -> openpyxl.Workbook:
    """The department's workbook as it is handed out."""
    answer = visitor.get(f"{city.address}/portal/directory-workbook/file")
    assert answer.headers["content-disposition"].endswith('"directory.xlsx"')
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def sheet_of(whole: openpyxl.Workbook) -> tuple[Any, dict[str, int]]:
    """The table of resources and where its columns stand."""
    sheet = whole.worksheets[0]
    return sheet, {str(cell.value): cell.column for cell in sheet[1] if cell.value}


def sent(city: Any, visitor: Any, whole: openpyxl.Workbook, **form: str) -> Any:
    file = io.BytesIO()
    whole.save(file)
    return city.post(
        visitor, "/portal/directory-workbook", form, files={"file": ("directory.xlsx", file.getvalue())}
    )  # fmt: skip


def main(html: str) -> str:
    return html.partition("<main")[2]


def test_a_department_gets_its_own_part_and_sending_it_back_changes_nothing(city: Any) -> None:
    visitor = city.signed_in("weidong")
    whole = book(city, visitor)
    sheet, columns = sheet_of(whole)
    ids = {row[columns["资源标识"] - 1].value for row in sheet.iter_rows(min_row=2)} - {None}
    assert ids
    assert {one.partition(".")[0] for one in ids} == {"public_security"}
    answer = sent(city, visitor, whole)
    assert answer.status_code == 200
    assert "没有变更" in answer.text
    assert "新增 0 个，变更 0 个" in answer.text


def brought(city: Any, visitor: Any, name: str, **cells: str) -> Any:
    """Send the department's workbook with one more resource of this name."""
    whole = book(city, visitor)
    sheet, columns = sheet_of(whole)
    model = next(row for row in sheet.iter_rows(min_row=2) if row[columns["信息资源名称"] - 1].value)
    at = sheet.max_row + 1
    for cell in model:
        sheet.cell(at, cell.column, cell.value)
    wanted = {
        "资源标识": None,
        "信息资源代码": None,
        "信息资源名称": name,
        "归集库": None,
        "库属性": None,
        "归集来源": None,
        "质量阈值": None,
        "校验规则": None,
    }
    for header, value in (wanted | cells).items():
        sheet.cell(at, columns[header]).value = value
    return sent(city, visitor, whole)


def test_every_error_is_told_at_its_cell_and_nothing_is_kept(city: Any, fresh: None) -> None:  # noqa: ARG001 - clears up
    visitor = city.signed_in("weidong")
    answer = brought(
        city,
        visitor,
        "新能源车检测信息",
        更新周期="偶尔",
        部门标识="civil_affairs",
        信息资源提供方="",
        信息资源提供方代码="",
    )
    assert answer.status_code == 422
    assert "处错误" in answer.text
    assert "未导入任何内容" in answer.text
    errors = answer.text.partition('id="h-errors"')[2].partition("</table>")[0]
    assert "更新周期" in errors
    assert "偶尔" in errors
    assert "新能源车" not in visitor.get(f"{city.address}/portal/reviews").text


def test_another_departments_resource_is_refused(city: Any, fresh: None) -> None:  # noqa: ARG001 - clears up
    foreign = book(city, city.signed_in("sunhui"))
    answer = sent(city, city.signed_in("weidong"), foreign)
    assert answer.status_code == 422
    assert "是其他部门的信息资源" in answer.text
    assert "未导入任何内容" in answer.text


def test_the_marked_workbook_comes_back_with_a_list_of_errors(city: Any) -> None:
    foreign = book(city, city.signed_in("sunhui"))
    answer = sent(city, city.signed_in("weidong"), foreign, do="report")
    report = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert "问题清单" in report.sheetnames


def test_a_file_that_is_no_workbook_is_said_to_be_none(city: Any) -> None:
    visitor = city.signed_in("weidong")
    answer = city.post(visitor, "/portal/directory-workbook", files={"file": ("directory.xlsx", b"PK nothing")})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


@pytest.fixture
def drafted(city: Any, fresh: None) -> str:  # noqa: ARG001 - clears up
    """A new resource that the police brought as a draft."""
    answer = brought(city, city.signed_in("weidong"), NAME)
    assert answer.status_code == 200, main(answer.text)
    assert "已导入为草稿" in answer.text
    found = answer.text.partition('href="/portal/reviews/public_security.')[2].partition('"')[0]
    return f"public_security.{found}"


def test_a_draft_is_submitted_approved_by_another_and_published_by_the_authority(city: Any, drafted: str) -> None:
    author, office, authority = (city.signed_in(one) for one in ("weidong", OFFICE, "qiming"))
    at = f"/portal/reviews/{drafted}"
    assert "草稿" in city.signed_in("weidong").get(f"{city.address}/portal/reviews").text
    assert "部门审核中" in city.post(author, f"{at}/submit", {"why": "首次编目"}).text
    assert f"{at}/approve" not in author.get(city.address + at).text  # he wrote it
    assert city.post(author, f"{at}/approve").status_code == 403
    assert city.post(authority, f"{at}/approve").status_code == 403  # the office has not looked yet
    assert "主管部门审核中" in city.post(office, f"{at}/approve", {"why": "已核对"}).text
    wrong = city.post(authority, f"{at}/return", {"why": ""})
    assert wrong.status_code == 422
    returned = city.post(authority, f"{at}/return", {"why": "摘要不清"}).text
    assert "摘要不清" in returned
    city.post(author, f"{at}/submit")
    city.post(office, f"{at}/approve")
    done = city.post(authority, f"{at}/approve").text
    assert "已发布" in done
    for step in ("保存草稿", "提交审核", "部门审核通过", "退回修改", "发布"):
        assert step in done.partition('id="h-history"')[2]
    resource = city.signed_in("xiaolan").get(f"{city.address}/portal/resources/{drafted}")
    assert NAME in resource.text


def test_a_review_is_hidden_from_whom_it_does_not_concern(city: Any, drafted: str) -> None:
    for officer in ("sunhui", "xiaolan"):
        stranger = city.signed_in(officer)
        assert drafted not in stranger.get(f"{city.address}/portal/reviews").text
        assert stranger.get(f"{city.address}/portal/reviews/{drafted}").status_code == 403
        assert city.post(stranger, f"/portal/reviews/{drafted}/submit").status_code == 403


def test_withdrawing_asks_first_and_needs_a_reason(city: Any, drafted: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/reviews/{drafted}"
    assert f'action="{at}/withdraw"' in author.get(f"{city.address}{at}").text
    empty = city.post(author, f"{at}/withdraw", {"why": " "})
    assert empty.status_code == 422
    assert 'class="field-error" id="wrong-ask-' in empty.text
    asked = city.ask(author, f"{at}/withdraw", {"why": "不再开展"})
    assert "请确认：撤销目录版本" in asked.text
    assert "草稿" in author.get(f"{city.address}{at}").text
    assert "不再开展" in city.post(author, f"{at}/withdraw", {"why": "不再开展"}).text


@pytest.fixture
def scheduled(city: Any) -> Iterator[str]:  # noqa: ARG001 - its directory must be there
    """A breaking version of the marriage register, approved, which the housing department must acknowledge."""
    with transaction() as session:
        draft = directory.draft(session, MARRIAGE)
        items = tuple(one.model_copy(update={"length": 12} if one.id == "name" else {}) for one in draft.items)
        version = directory.save_draft(session, draft.model_copy(update={"items": items}))
        assert version
        version.state = "scheduled"
        session.add(
            Acknowledgement(version_id=version.id, kind="grant", case_id="SQ-1900-000009", department_id="housing")
        )
        number = version.id
    yield number
    with transaction() as session:
        session.execute(
            text("SET LOCAL session_replication_role = replica")
        )  # what is scheduled cannot be deleted otherwise
        session.execute(delete(Acknowledgement).where(Acknowledgement.version_id == number))
        session.execute(delete(ResourceEvent).where(ResourceEvent.version_id == number))
        session.execute(delete(ResourceVersion).where(ResourceVersion.id == number))


def test_a_breaking_change_is_acknowledged_by_the_department_it_touches(city: Any, scheduled: str) -> None:
    touched, stranger = city.signed_in("xiaolan"), city.signed_in("wumin")
    at = f"/portal/reviews/{MARRIAGE}"
    assert "1 个目录版本等待您" in touched.get(f"{city.address}/portal/").text
    page = touched.get(city.address + at).text
    assert "缩短为 12" in page
    assert "SQ-1900-000009" in page
    assert stranger.get(city.address + at).status_code == 403
    assert city.post(stranger, f"{at}/acknowledge").status_code == 403
    assert "已知悉" in city.post(touched, f"{at}/acknowledge").text
    with transaction() as session:
        (row,) = session.scalars(select(Acknowledgement).where(Acknowledgement.version_id == scheduled))
        assert row.acknowledged_by == "xiaolan"
    assert "提前生效" in city.signed_in("qiming").get(city.address + at).text
