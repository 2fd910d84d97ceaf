"""Everything a department was told is found again: searched, filtered, paged with its total, as XLSX; nobody sees another's."""

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from sqlalchemy import delete

from catalog import notices
from schemas.database import transaction
from schemas.tables.operations import Notice

MANY = 230
PURPOSE = "居住证签注试点"


@pytest.fixture
def told(city: Any) -> Iterator[None]:  # noqa: ARG001 - its database must be there
    """More notices than a page ever showed, for human resources; and one for the police."""
    with transaction("exchange") as session:
        for number in range(MANY):
            notices.notify(
                session,
                "human_resources",
                "demand.dispatched",
                {"demand": "XQ-2026-000001", "purpose": f"{PURPOSE}{number}"},
            )
        notices.notify(
            session, "public_security", "clock.red", {"case": "XQ-2026-000002", "due": "2026-01-01", "purpose": PURPOSE}
        )
    yield
    with transaction() as session:
        session.execute(delete(Notice).where(Notice.facts["purpose"].astext.startswith(PURPOSE)))


def test_all_of_them_are_counted_and_turned_over(city: Any, told: None) -> None:  # noqa: ARG001
    reader = city.signed_in("wumin")
    first = reader.get(f"{city.address}/portal/notices?q={PURPOSE}").text
    assert f"共 {MANY} 条" in first
    assert 'rel="next"' in first
    last = reader.get(f"{city.address}/portal/notices?q={PURPOSE}&page=12").text
    assert f"{PURPOSE}0</a>" in last
    assert PURPOSE in reader.get(f"{city.address}/portal/notices?q=%E5%B1%85%E4%BD%8F%E8%AF%81&urgency=info").text
    one = reader.get(f"{city.address}/portal/notices?q={PURPOSE}229").text
    assert "共 1 条" in one
    assert "共 0 条" in reader.get(f"{city.address}/portal/notices?q={PURPOSE}&unread=0").text
    assert "共 0 条" in reader.get(f"{city.address}/portal/notices?q={PURPOSE}&kind=clock").text


def test_the_file_holds_what_was_found_in_words(city: Any, told: None) -> None:  # noqa: ARG001
    answer = city.signed_in("wumin").get(f"{city.address}/portal/notices?q={PURPOSE}&format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    rows = list(sheet.values)
    assert rows[0][:3] == ("通知", "轻重", "类别")
    assert len(rows) == MANY + 1
    assert rows[1][0] == f"需求已分派到数源部门：{PURPOSE}{MANY - 1}"


def test_what_is_marked_as_read_leads_back_to_the_same_page(city: Any, told: None) -> None:  # noqa: ARG001
    reader, here = city.signed_in("wumin"), f"/portal/notices?q={PURPOSE}&unread=1"
    number = reader.get(city.address + here).text.partition('name="notice" value="')[2].partition('"')[0]
    back = city.post(reader, "/portal/notices/read", {"notice": number, "back": here})
    assert f"共 {MANY - 1} 条" in back.text
