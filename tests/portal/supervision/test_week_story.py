"""The authority's week in the browser: an overdue case is supervised, a figure is opened down to its cases, the report is read, printed and taken away."""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect
from sqlalchemy import delete

from exchange_api.supervision import weekly, weeks
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.exchange import CaseEvent, Demand
from schemas.tables.supervision import SupervisionWeek
from tests.portal.conftest import actor
from tests.portal.supervision.test_supervision_pages import _clock

LATE = "XQ-1999-000011"


@pytest.fixture
def late(city: Any) -> Iterator[str]:  # noqa: ARG001 - its database must be there
    """A demand whose answer the police owe since a month ago, and a counted week; its number."""
    last = weeks.last_whole()
    with transaction("exchange") as session:
        session.add(
            Demand(
                id=LATE, department_id="housing", application_id="housing_security", service_item_id="public_rental_housing", purpose="核验申请人户籍",
                basis="办法第七条", state="dispatched", created_by="xiaolan", created_at=last.before().begin, submitted_at=last.before().begin,
            )
        )  # fmt: skip
        session.flush()
        session.add(_clock(LATE, today() - timedelta(days=30), None))
        session.flush()
        if session.get(SupervisionWeek, last.name) is None:
            weekly.count_and_tell(session, actor("shenji"), last)
    yield LATE
    with transaction() as session:
        session.execute(
            delete(ClockEvent).where(ClockEvent.clock_id.in_(session.query(CaseClock.id).filter_by(demand_id=LATE)))
        )
        for model in (CaseClock, CaseEvent):
            session.execute(delete(model).where(model.demand_id == LATE))
        session.execute(delete(Demand).where(Demand.id == LATE))


def test_an_overdue_case_is_supervised_a_figure_opened_and_the_week_reported(studio: Any, late: str) -> None:
    page = studio.desk(accept_downloads=True)
    studio.sign_in(page, "qiming")

    # what is overdue is supervised, after it was said what that causes
    page.click("nav.side a:text-is('监察')")
    page.click("ul.watch a:has-text('超期')")
    line = page.locator(f"tr:has-text('{late}')")
    line.locator("a.button").click()
    page.fill("#why", "请三日内答复")
    page.click("button:has-text('督办')")
    expect(page.locator(".sure")).to_contain_text("公安局")
    expect(page.locator(".sure")).to_contain_text("该期限亮督办灯")
    studio.picture(page, "89-sure-supervise")
    page.click("#sure button")
    expect(page.locator("h1")).to_contain_text("超期")
    expect(line.locator("a.button")).to_have_count(0)

    # a department's figure is opened down to its cases
    page.click("nav.side a:text-is('监察')")
    page.locator("section[aria-labelledby=h-board] tbody a").first.click()
    expect(page.locator("#h-figures")).to_be_visible()
    figure = page.locator("table.indicators td a").first
    said = figure.inner_text()
    figure.click()
    expect(page.locator("main")).to_contain_text(said)
    expect(page.locator("main tbody tr").first).to_be_visible()
    studio.picture(page, "89-figure-cases")

    # the week: a page, a print, a file
    page.click("nav.side a:text-is('监察周报')")
    page.locator("tbody a.strong").first.click()
    expect(page.locator("#h-concerns")).to_be_visible()
    studio.printed(page, "89-report")
    with page.expect_download() as saved:
        page.click("text=导出 XLSX")
    assert len(load_workbook(io.BytesIO(saved.value.path().read_bytes())).sheetnames) > 1
    page.goto(f"{studio.city.address}/portal/demands/{late}")
    expect(page.locator("main")).to_contain_text("请三日内答复")
    assert not studio.complaints
