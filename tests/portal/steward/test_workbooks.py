"""Rows held back go out as a workbook, masked, and come back mended: every line answered first, taken on one's word, and nothing twice."""

import io
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from openpyxl import load_workbook
from sqlalchemy import text

from exchange_api.steward import orders
from schemas.database import transaction
from tests.portal.conftest import csrf
from tests.portal.steward.conftest import held_back
from tests.portal.steward.test_orders import _value

RED = "FFFFC7CE"


@dataclass(frozen=True)
class Held:
    """A batch of the police with three rows held back, and whose."""

    batch: str
    ids: list[str]


@pytest.fixture(scope="module")
def held(site: Any) -> Held:
    return Held(*held_back(site, "floating", 11))


def fetched(site: Any, visitor: requests.Session, batch: str) -> Any:
    """The workbook of a batch's waiting rows, opened."""
    answer = visitor.get(f"{site.address}/portal/batches/{batch}/corrections/file")
    assert answer.status_code == 200, answer.text
    return load_workbook(io.BytesIO(answer.content))


def sent(site: Any, visitor: requests.Session, batch: str, content: Any, name: str = "更正.xlsx") -> requests.Response:
    """Send a workbook (or bytes) in, as the form does."""
    if not isinstance(content, bytes):
        file = io.BytesIO()
        content.save(file)
        content = file.getvalue()
    token = csrf(visitor.get(f"{site.address}/portal/verify").text)
    return visitor.post(
        f"{site.address}/portal/batches/{batch}/corrections", {"csrf_token": token}, files={"file": (name, content)}
    )


def column(book: Any, name: str) -> int:
    return int(next(cell.column for cell in book.worksheets[0][1] if str(cell.value).split()[-1] == name))


def row_of(batch: str, key: str) -> int:
    with transaction() as session:
        found = text("SELECT id FROM landing.quarantined_rows WHERE batch_id = :batch AND record_key = :key")
        return int(session.scalars(found, {"batch": batch, "key": key}).one())


def line_of(book: Any, row: int) -> int:
    return int(next(line[0].row for line in book.worksheets[0].iter_rows(min_row=2) if line[0].value == str(row)))


def kept() -> int:
    """How much of what was typed the hub still keeps."""
    with transaction() as session:
        found = "SELECT count(*) FROM operations.steward_orders WHERE said <> '{}' AND state <> 'proposed'"
        return int(session.scalar(text(found)) or 0)


def test_a_proposal_left_lying_lapses_with_what_was_typed(site: Any, held: Held) -> None:
    visitor = site.signed_in("guanjia")
    order = sent(site, visitor, held.batch, fetched(site, visitor, held.batch)).url.rpartition("/")[2]
    with transaction() as session:
        older = "UPDATE operations.steward_orders SET ordered_at = now() - interval '25 hours' WHERE id = :id"
        session.execute(text(older), {"id": order})
    orders.work_off()
    with transaction() as session:
        found = text("SELECT state, said FROM operations.steward_orders WHERE id = :id")
        assert tuple(session.execute(found, {"id": order}).one()) == ("dropped", {})


def test_the_department_mends_its_rows_in_a_workbook(site: Any, held: Held) -> None:
    batch, visitor = held.batch, site.signed_in("weidong")
    page = visitor.get(f"{site.address}/portal/batches/{batch}/corrections").text
    assert "下载等待更正的行" in page
    assert "下载明文工作簿" not in page
    book = fetched(site, visitor, batch)
    cells = [str(cell.value) for line in book.worksheets[0].iter_rows() for cell in line]
    assert not [one for one in cells if one in held.ids]
    assert any("name.required：必填" in one for one in cells)
    good, bad = row_of(held.batch, held.ids[0]), row_of(held.batch, held.ids[1])
    sheet = book.worksheets[0]
    sheet.cell(line_of(book, good), column(book, "name")).value = "张改好"
    sheet.cell(line_of(book, bad), column(book, "name")).value = "张没改"
    sheet.cell(line_of(book, bad), column(book, "phone")).value = "12"
    shown = sent(site, visitor, batch, book)
    assert shown.url.rpartition("/")[0].endswith("/portal/orders"), shown.text
    for words in ("可以采纳 1 行", "有问题 1 行", "phone.pattern", "张**"):
        assert words in shown.text
    assert "张改好" not in shown.text
    again = sent(site, visitor, batch, book)
    assert again.url == shown.url
    order = shown.url.removeprefix(site.address)
    report = visitor.get(f"{site.address}{order}/report")
    marked = load_workbook(io.BytesIO(report.content)).worksheets[0]
    assert [cell.fill.fgColor.rgb for cell in marked[line_of(marked.parent, bad)]].count(RED) == 2
    assert site.signed_in("guanjia").get(f"{site.address}{order}/report").status_code == 403
    assert site.post(site.signed_in("guanjia"), f"{order}/take").status_code == 403
    assert site.signed_in("sunhui").get(f"{site.address}{order}").status_code == 403
    done = site.ordered(visitor, f"{order.removeprefix('/portal')}/take", {})
    assert "已放行 1 行" in done
    assert _value(held.ids[0], "name") == "张改好"
    assert kept() == 0
    assert site.post(visitor, f"{order}/take").url == shown.url
    assert visitor.get(f"{site.address}{order}/report").status_code == 409


def test_the_same_workbook_sent_later_takes_nothing_twice(site: Any, held: Held) -> None:
    batch, visitor = held.batch, site.signed_in("guanjia")
    row = row_of(held.batch, held.ids[1])
    book = fetched(site, visitor, batch)
    book.worksheets[0].cell(line_of(book, row), column(book, "name")).value = "张后来"
    first = sent(site, visitor, batch, book)
    site.ordered(visitor, f"{first.url.removeprefix(site.address + '/portal')}/take", {})
    assert _value(held.ids[1], "name") == "张后来"
    with transaction() as session:
        before = session.scalar(text("SELECT count(*) FROM landing.batches"))
    second = sent(site, visitor, batch, book)
    assert "此前已按同样内容放行" in second.text
    refused = site.post(visitor, f"{second.url.removeprefix(site.address)}/take")
    assert refused.status_code == 409
    assert "没有可以采纳的行" in refused.text
    dropped = site.post(visitor, f"{second.url.removeprefix(site.address)}/drop")
    assert dropped.status_code == 200
    assert "已作废" in visitor.get(second.url).text
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM landing.batches")) == before


@pytest.mark.parametrize("what", ["cut off", "no workbook", "wrong sheet", "another resource", "nothing"])
def test_what_is_no_workbook_of_corrections_is_refused_by_name(site: Any, held: Held, what: str) -> None:
    batch, visitor = held.batch, site.signed_in("guanjia")
    book = fetched(site, visitor, batch)
    file = io.BytesIO()
    book.save(file)
    content: Any = {"cut off": file.getvalue()[:-200], "no workbook": b"row,resource\n1,x\n", "nothing": b""}.get(what)
    if what == "wrong sheet":
        book.worksheets[0].delete_rows(1)
    if what == "another resource":
        for line in book.worksheets[0].iter_rows(min_row=2):
            line[1].value = "civil_affairs.household"
    with transaction() as session:
        before = session.scalar(text("SELECT count(*) FROM operations.steward_orders"))
    refused = sent(site, visitor, batch, content if content is not None else book)
    assert refused.status_code == 422, refused.text
    assert 'role="alert"' in refused.text
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM operations.steward_orders")) == before


def test_in_clear_it_goes_out_for_a_case_only_and_is_noted(site: Any, held: Held) -> None:
    batch, visitor = held.batch, site.signed_in("guanjia")
    path = f"/portal/batches/{batch}/corrections/file"
    assert site.post(visitor, path, {"case": "", "why": "核实"}).status_code == 422
    assert site.post(site.signed_in("sunhui"), path, {"case": "XF-1", "why": "核实"}).status_code == 403
    answer = site.post(visitor, path, {"case": "XF-2026-3", "why": "交数源部门核实"})
    assert answer.headers["content-disposition"].endswith(f'"{batch}.clear.xlsx"')
    with transaction() as session:
        noted = session.scalar(
            text(
                "SELECT count(*) FROM evidence.entries WHERE position('XF-2026-3' IN convert_from(document, 'UTF8')) > 0"
            )
        )
    assert noted == 1
