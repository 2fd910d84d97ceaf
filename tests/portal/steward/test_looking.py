"""What a steward sees: pipelines, batches, held rows and records; what nobody else sees; what every look leaves behind."""

import io
import json
from typing import Any

import openpyxl
from sqlalchemy import text

from schemas.database import transaction
from tests.portal.steward.conftest import CIVIL, DISPUTED, IDS, POLICE, SOMEONE


def _entries(action: str) -> list[dict[str, Any]]:
    with transaction() as session:
        found = session.scalars(text("SELECT convert_from(document, 'UTF8') FROM evidence.entries ORDER BY id"))
        documents: list[dict[str, Any]] = [json.loads(one) for one in found]
    return [one for one in documents if one.get("facts", {}).get("action") == action]


def _sheet(content: bytes) -> list[tuple[Any, ...]]:
    book: Any = openpyxl.load_workbook(io.BytesIO(content))
    return list(book.active.values)


def _row(site: Any) -> int:
    with transaction() as session:
        return int(
            session.scalar(
                text("SELECT min(id) FROM landing.quarantined_rows WHERE batch_id = :batch"),
                {"batch": site.batches["second"]},
            )
            or 0
        )


def test_every_pipeline_of_the_hub_is_before_the_steward(site: Any) -> None:
    page = site.page("guanjia", "/pipelines")
    assert "户籍人口基本信息" in page
    assert "户口簿信息" in page
    assert "及时" in page
    assert "近 12 周批次" in page


def test_a_provider_reads_his_own_departments_pipelines_and_no_others(site: Any) -> None:
    page = site.page("weidong", "/pipelines")
    assert "户籍人口基本信息" in page
    assert "户口簿信息" not in page
    visitor = site.signed_in("weidong")
    for path in (f"/pipelines/{CIVIL}", f"/batches/{site.batches['civil']}", f"/quality/{CIVIL}"):
        assert visitor.get(f"{site.address}/portal{path}").status_code == 403, path
    own = site.page("weidong", f"/batches/{site.batches['second']}")
    assert "撤回批次…" not in own
    assert site.post(visitor, f"/portal/pipelines/{POLICE}/pause", {"why": "x"}).status_code == 403
    assert site.post(visitor, f"/portal/batches/{site.batches['second']}/preview").status_code == 403


def test_pipelines_are_searched_sorted_and_leave_as_a_workbook(site: Any) -> None:
    page = site.page("guanjia", "/pipelines?q=户口簿&sort=-landed")
    assert "户口簿信息" in page
    assert "户籍人口基本信息" not in page.partition("<tbody>")[2]
    answer = site.signed_in("guanjia").get(f"{site.address}/portal/pipelines?format=xlsx")
    rows = _sheet(answer.content)
    assert {row[1] for row in rows[1:]} == {POLICE, CIVIL}


def test_a_resource_leads_to_airflow_and_back(site: Any) -> None:
    page = site.page("guanjia", f"/pipelines/{POLICE}")
    assert f"http://airflow.example/dags/{POLICE}/runs/scheduled__2026-01-06T01%3A30%3A00%2B08%3A00" in page
    visitor = site.signed_in("guanjia")
    back = visitor.get(
        f"{site.address}/portal/pipelines/{POLICE}/run", params={"run": "scheduled__2026-01-06T01:30:00+08:00"}
    )
    assert back.url.endswith(f"/portal/batches/{site.batches['second']}")
    lost = visitor.get(f"{site.address}/portal/pipelines/{POLICE}/run", params={"run": "manual__never"})
    assert lost.url.endswith(f"/portal/pipelines/{POLICE}")


def test_a_batch_shows_its_rules_and_its_held_rows_masked(site: Any) -> None:
    page = site.page("guanjia", f"/batches/{site.batches['second']}")
    assert "name.required" in page
    assert f"/portal/rows/{_row(site)}" in page
    assert not [one for one in IDS if one in page]


def test_a_held_value_in_clear_needs_a_case_and_is_evidence(site: Any) -> None:
    row, visitor = _row(site), site.signed_in("guanjia")
    masked = site.page("guanjia", f"/rows/{row}")
    assert IDS[5] not in masked
    before = len(_entries("quarantine_look"))
    refused = site.post(visitor, f"/portal/rows/{row}/reveal", {"case": "", "why": "核对"})
    assert refused.status_code == 422
    assert len(_entries("quarantine_look")) == before
    shown = site.post(visitor, f"/portal/rows/{row}/reveal", {"case": "XF-2026-8", "why": "群众来电核对"})
    assert IDS[5] in shown.text
    assert IDS[5] not in shown.url
    entry = _entries("quarantine_look")[-1]
    assert entry["facts"]["by"] == "guanjia"
    assert entry["facts"]["case"] == "XF-2026-8"
    assert IDS[5] not in json.dumps(entry)


def test_a_record_is_masked_names_its_sources_and_its_look_is_evidence(site: Any) -> None:
    visitor, form = (
        site.signed_in("guanjia"),
        {"library": "population", "subject": DISPUTED, "case": "XF-2026-9", "why": "处理异议"},
    )
    answer = site.post(visitor, "/portal/records", form)
    assert answer.status_code == 200
    assert DISPUTED not in answer.text
    assert DISPUTED not in answer.url
    assert "公安局" in answer.text
    assert "民政局" in answer.text
    assert "王大力" not in answer.text
    clear = site.post(visitor, "/portal/records", {**form, "clear": "1"})
    assert "王大力" in clear.text
    seen = _entries("record_look")
    assert [one["facts"]["in_clear"] for one in seen[-2:]] == [False, True]
    assert seen[-1]["subjects"]
    assert DISPUTED not in json.dumps(seen)


def test_a_look_at_a_stranger_is_evidence_too(site: Any) -> None:
    visitor, before = site.signed_in("guanjia"), len(_entries("record_look"))
    form = {"library": "population", "subject": "110101199003078515", "case": "XF-2026-10", "why": "核对"}
    assert "没有这个主体的记录" in site.post(visitor, "/portal/records", form).text
    assert len(_entries("record_look")) == before + 1


def test_case_and_purpose_must_not_hold_whose_record_it_is(site: Any) -> None:
    visitor = site.signed_in("guanjia")
    form = {"library": "population", "subject": SOMEONE, "case": SOMEONE, "why": "核对"}
    answer = site.post(visitor, "/portal/records", form)
    assert answer.status_code == 422


def test_quality_is_seen_by_indicator_down_to_the_batch(site: Any) -> None:
    page = site.page("guanjia", "/quality")
    assert "规范性" in page
    assert f"/portal/batches/{site.batches['second']}" in page
    one = site.page("weidong", f"/quality/{POLICE}")
    assert "name.required" in one
    assert site.batches["first"] in one
    answer = site.signed_in("guanjia").get(f"{site.address}/portal/quality?format=xlsx")
    rows = _sheet(answer.content)
    assert len(rows) == 3
    assert "规范性" in rows[0]
