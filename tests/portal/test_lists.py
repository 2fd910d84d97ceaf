"""Lists: searched, sorted, filtered and paged by the database; columns each officer chooses; workbooks in which a text stays a text."""

import asyncio
import io
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from exchange_api.demand import demands
from exchange_api.portal import case_lists, queried
from exchange_api.portal.listing import Asked, Column, exported
from schemas.database import transaction
from tests.portal.conftest import actor

HOSTILE = ['=cmd|"/c calc"!A1', "+1+1", "-2", "@SUM(1)", "\t=1", "正文\x0b断行"]


@pytest.fixture(scope="module")
def written(city: Any) -> Iterator[list[str]]:  # noqa: ARG001 - its directory must be there
    """Drafts of the civil affairs bureau, one per hostile purpose, oldest first; thrown away in the end."""
    with transaction("exchange") as session:
        made = [
            demands.register(
                session, actor("sunhui"), demands.DemandForm(service_item_id="public_rental_housing", purpose=f"{one} 列表")
            ).id
            for one in HOSTILE[:4]  # the desk itself refuses control characters
        ]  # fmt: skip
    yield made
    with transaction("exchange") as session:
        for one in made:
            demands.discard(session, actor("sunhui"), one)


def rows(answer: Any) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0].values)


def test_a_text_stays_a_text_in_the_exported_workbook(city: Any, written: list[str]) -> None:
    visitor = city.signed_in("sunhui")
    answer = visitor.get(f"{city.address}/portal/demands", params={"q": "列表", "format": "xlsx", "sort": "id"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert [cell.value for cell in sheet["A"]][1:] == written
    assert {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row} <= {"s", "inlineStr"}
    assert sheet["B2"].value.startswith("=cmd|")


def test_words_filters_and_order_are_the_databases_work(city: Any, written: list[str]) -> None:
    visitor = city.signed_in("sunhui")
    page = visitor.get(f"{city.address}/portal/demands", params={"q": "列表 草稿", "sort": "id"}).text
    assert f"共 {len(written)} 条" in page
    assert page.index(written[0]) < page.index(written[-1])
    none = visitor.get(f"{city.address}/portal/demands", params={"q": "列表", "state": "closed"}).text
    assert "没有符合条件的记录" in none
    assert "共 1 条" in visitor.get(f"{city.address}/portal/demands", params={"q": "@SUM(1)"}).text
    assert "没有符合条件的记录" in visitor.get(f"{city.address}/portal/demands", params={"q": "%_列表"}).text


def test_an_officer_chooses_columns_and_rows_for_himself(city: Any, written: list[str]) -> None:  # noqa: ARG001
    visitor = city.signed_in("sunhui")
    back = "/portal/demands?q=列表"
    page = city.post(visitor, "/portal/lists/demands", {"column": ["id", "purpose"], "size": "10", "back": back}).text
    assert "<th" in page
    assert "登记日期</a>" not in page.replace("<span", "</a><span")
    assert city.post(visitor, "/portal/lists/..%2Fdemands", {"size": "10"}).status_code in (404, 422)
    city.post(visitor, "/portal/lists/demands", {"size": "20", "back": back})
    assert "登记日期" in visitor.get(f"{city.address}{back}").text


def test_a_page_beyond_the_end_is_the_last_one_and_a_page_costs_what_is_on_it(city: Any, written: list[str]) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        visit: Any = SimpleNamespace(
            session=session, actor=actor("sunhui"), language="zh", today=date(2026, 11, 20), has=lambda *_: True
        )  # fmt: skip
        found = queried.found(session, case_lists.demands(visit), Asked("列表", "", 99))
        assert (found.page, found.total, len(found.rows)) == (1, len(written), len(written))


@pytest.mark.parametrize("text", HOSTILE)
def test_every_exported_list_writes_texts_as_texts(text: str) -> None:
    answer: Any = exported((Column("a", "列"),), [{"a": text}], "list")

    async def read() -> bytes:
        return b"".join([bytes(one) async for one in answer.body_iterator])

    cell = openpyxl.load_workbook(io.BytesIO(asyncio.run(read()))).worksheets[0]["A2"]
    assert cell.data_type != "f"
