"""What a browser makes of the steward's pages: WCAG 2.2 AA, no complaint, in both languages; pictures for people to look at."""

from typing import Any

import pytest
from sqlalchemy import text

from exchange_api.actors import Actor
from exchange_api.steward import orders
from schemas.database import transaction
from tests.portal.steward.conftest import DISPUTED, POLICE

ENGLISH = ("60-pipelines", "68-retract")
GUANJIA = Actor("guanjia", "data_bureau", frozenset({"steward"}))


@pytest.fixture(scope="module")
def places(site: Any) -> dict[str, str]:
    """Pages by the names of their pictures; a preview was done."""
    with transaction("exchange") as session:
        preview = orders.place(session, GUANJIA, ("preview", site.batches["civil"]), "").id
    orders.work_off()
    with transaction() as session:
        row = session.scalar(text("SELECT min(id) FROM landing.quarantined_rows"))
        ticket = session.scalar(text("SELECT min(id) FROM landing.tickets"))
        conflict = session.scalar(text("SELECT min(number) FROM library.conflicts"))
    return {
        "60-pipelines": "/pipelines", "61-pipeline": f"/pipelines/{POLICE}", "62-batch": f"/batches/{site.batches['second']}",
        "63-quarantine": "/quarantine", "64-ticket": f"/quarantine/{ticket}", "65-row": f"/rows/{row}", "66-conflicts": "/conflicts",
        "67-conflict": f"/conflicts/{conflict}", "68-retract": f"/batches/{site.batches['civil']}/retract", "69-order": f"/orders/{preview}",
        "70-quality": "/quality", "71-quality-one": f"/quality/{POLICE}", "72-record-form": "/records", "73-recalls": "/recalls",
    }  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_on_any_page_of_the_steward(studio: Any, places: dict[str, str], language: str) -> None:
    page, found = studio.desk(bypass_csp=True), []
    studio.sign_in(page, "guanjia")
    page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/records")
    for name, path in places.items():
        page.goto(f"{studio.city.address}/portal{path}")
        if language == "zh" or name in ENGLISH:
            studio.picture(page, name if language == "zh" else f"{name}-english")
        found += studio.violations(page)
    assert not found, "\n".join(found)


def test_a_record_is_looked_at_by_form(studio: Any) -> None:
    studio.complaints.clear()
    page = studio.desk()
    studio.sign_in(page, "guanjia")
    page.goto(f"{studio.city.address}/portal/records")
    page.fill("#subject", DISPUTED)
    page.fill("#case", "XF-2026-11")
    page.fill("#why", "处理异议")
    page.click("main >> button.primary")
    page.wait_for_selector("h2 >> text=谁收到过")
    studio.picture(page, "74-record")
    assert DISPUTED not in page.url
    assert DISPUTED not in page.content()
    assert not studio.complaints
