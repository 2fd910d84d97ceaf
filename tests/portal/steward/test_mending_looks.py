"""What a browser makes of workbooks of corrections and rows left out: no violation, no complaint, pictures in both languages."""

import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from schemas.database import transaction
from tests.portal.steward.conftest import held_back


@pytest.fixture(scope="module")
def batch(site: Any) -> str:
    return held_back(site, "boarding", 13)[0]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_workbook_goes_out_and_in_by_hand(studio: Any, batch: str, tmp_path: Path, language: str) -> None:
    studio.complaints.clear()
    page, site = studio.desk(bypass_csp=True), studio.city
    studio.sign_in(page, "weidong")
    suffix = "" if language == "zh" else "-english"
    page.goto(f"{site.address}/portal/language/{language}?next=/portal/batches/{batch}/corrections")
    found = studio.violations(page)
    studio.picture(page, f"75-corrections{suffix}")
    with page.expect_download() as downloading:
        page.click("a[download]")
    downloading.value.save_as(tmp_path / "out.xlsx")
    book = load_workbook(io.BytesIO((tmp_path / "out.xlsx").read_bytes()))
    sheet = book.worksheets[0]
    place = {str(cell.value).split()[-1]: int(cell.column or 0) for cell in sheet[1]}
    sheet.cell(2, place["name"]).value = f"李改{language}"
    sheet.cell(3, place["name"]).value, sheet.cell(3, place["phone"]).value = "李二", "12"
    book.save(tmp_path / "mended.xlsx")
    page.set_input_files("#file", tmp_path / "mended.xlsx")
    page.click("main form[enctype] button.primary")
    page.wait_for_url("**/portal/orders/*")
    found += studio.violations(page)
    studio.picture(page, f"76-proposal{suffix}")
    page.click(f"main form[action$='/{'take' if language == 'en' else 'drop'}'] button")
    page.wait_for_load_state()
    if language == "en":
        page.wait_for_selector("#order .tag.green", timeout=60_000)
        page.goto(page.url)
        studio.picture(page, "77-taken-english")
        found += studio.violations(page)
    assert not found, "\n".join(found)
    assert not studio.complaints


def test_rows_are_left_out_by_hand(studio: Any, batch: str) -> None:
    page, site = studio.desk(bypass_csp=True), studio.city
    studio.sign_in(page, "guanjia")
    with transaction() as session:
        waiting = text("SELECT max(id) FROM landing.quarantined_rows WHERE batch_id = :batch AND superseded_at IS NULL")
        row = session.scalar(waiting, {"batch": batch})
    page.goto(f"{site.address}/portal/rows/{row}")
    page.click("text=不予更正…")
    page.wait_for_selector("#why")
    found = studio.violations(page)
    studio.picture(page, "78-waive")
    page.fill("#why", "原始档案毁损，无法补录")
    page.click("main button.danger")
    page.wait_for_url(f"**/portal/rows/{row}")
    studio.picture(page, "79-row-left-out")
    found += studio.violations(page)
    page.goto(f"{site.address}/portal/waivers")
    studio.picture(page, "79-waivers")
    found += studio.violations(page)
    page.goto(f"{site.address}/portal/pipelines")
    studio.picture(page, "60-pipelines")
    assert not found, "\n".join(found)
