"""Pages without a browser, so without JavaScript: forms that lose nothing, lists, errors in words, receipts."""

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI

from exchange_api import cases
from exchange_api.demand import demands
from exchange_api.portal import mounting
from exchange_api.portal.headers import CONTENT_SECURITY_POLICY
from schemas.database import transaction

FORM = {
    "service_item_id": "public_rental_housing", "application_id": "housing_security", "purpose": "核验申请人", "basis": "《办法》第七条",
    "scenario": "", "scope": "", "volume_per_day": "500", "valid_until": "",
}  # fmt: skip


def test_every_answer_carries_the_strict_policy(city: Any) -> None:
    for path in ("/portal/sign-in", "/portal/static/portal.css", "/portal/none", "/portal/verify"):
        headers = city.browser().get(city.address + path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


def test_no_template_holds_a_script_a_style_or_another_host() -> None:
    for file in sorted((Path(mounting.STATIC).parent / "templates").glob("*.html")):
        text = file.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)|https?://", text), file.name


def test_frameworks_own_reference_pages_are_replaced(city: Any) -> None:
    answer = city.browser().get(f"{city.address}/docs")
    assert answer.url.endswith("/portal/reference")
    assert "cdn" not in answer.text
    assert city.browser().get(f"{city.address}/redoc").status_code == 404


def test_items_of_a_material_come_into_the_form_with_their_matches(city: Any) -> None:
    page = city.post(city.signed_in("xiaolan"), "/portal/demands/new", FORM | {"do": "material:marriage"}).text
    assert 'value="婚姻状况"' in page
    assert 'value="结婚登记日期"' in page
    assert "2 / 2 项有部门可提供" in page
    assert "“结婚登记日期”即“登记日期”" in page
    assert "民政局为该数据的牵头来源" in page


def test_an_incomplete_demand_loses_nothing_and_leaves_nothing_behind(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    before = visitor.get(f"{city.address}/portal/demands").text.count("/portal/demands/XQ-")
    form = FORM | {
        "application_id": "",
        "item_name": ["姓名", "婚姻状况"],
        "item_note": ["用于核验", ""],
        "do": "submit",
    }
    answer = city.post(visitor, "/portal/demands/new", form)
    assert answer.status_code == 422
    assert "需求缺少：应用系统" in answer.text
    assert 'value="用于核验"' in answer.text
    assert visitor.get(f"{city.address}/portal/demands").text.count("/portal/demands/XQ-") == before


@pytest.mark.parametrize(
    ("field", "value"), [("volume_per_day", "很多"), ("volume_per_day", "0"), ("valid_until", "2026-02-30")]
)
def test_a_field_that_does_not_fit_is_named(city: Any, field: str, value: str) -> None:
    form = FORM | {field: value, "item_name": "姓名", "item_note": "", "do": "save"}
    answer = city.post(city.signed_in("xiaolan"), "/portal/demands/new", form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert f'value="{value}"' in answer.text
    assert {"volume_per_day": "每日用量上限", "valid_until": "使用至"}[field] in answer.text


def test_a_draft_is_kept_revised_and_submitted(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    kept = city.post(visitor, "/portal/demands/new", FORM | {"item_name": "姓名", "item_note": "", "do": "save"})
    number = kept.url.rpartition("/")[2]
    assert 'value="姓名"' in visitor.get(f"{kept.url}/edit").text
    form = FORM | {"demand_id": number, "item_name": ["民族", "住址"], "item_note": ["", ""], "do": "save"}
    revised = city.post(visitor, "/portal/demands/new", form)
    assert revised.url == kept.url
    assert "民族" in revised.text
    submitted = city.post(visitor, f"/portal/demands/{number}/submit")
    assert "待分派" in submitted.text
    with transaction("exchange") as session:
        assert [item.name for item in demands.items(session, number)] == ["民族", "住址"]
        assert [event.action for event in cases.timeline(session, number)] == ["register", "revise", "submit"]


def test_what_is_submitted_cannot_be_revised(city: Any, submitted: str) -> None:
    form = FORM | {"demand_id": submitted, "item_name": "民族", "item_note": "", "do": "save"}
    answer = city.post(city.signed_in("xiaolan"), "/portal/demands/new", form)
    assert answer.status_code == 409
    assert "当前状态为“待分派”，不能进行“修改需求”" in answer.text


def test_a_returned_demand_says_why(city: Any, submitted: str) -> None:
    answer = city.post(city.signed_in("qiming"), f"/portal/demands/{submitted}/return", {"why": "请写明具体条款"})
    assert "请写明具体条款" in answer.text
    assert "已退回补正" in answer.text
    assert "补正后重新提交" in city.signed_in("xiaolan").get(f"{city.address}/portal/").text


def test_a_case_is_closed_to_departments_it_does_not_concern(city: Any, submitted: str) -> None:
    answer = city.signed_in("wumin").get(f"{city.address}/portal/demands/{submitted}")
    assert answer.status_code == 403
    assert "属于其他部门" in answer.text


def test_a_step_that_is_not_possible_now_is_told_in_words(city: Any, submitted: str) -> None:
    answer = city.post(city.signed_in("xiaolan"), f"/portal/demands/{submitted}/accept")
    assert answer.status_code == 409
    assert "当前状态为“待分派”，不能进行“验收”" in answer.text
    assert "退回补正" in answer.text


def test_a_refusal_needs_its_ground_and_the_rest_stays_chosen(city: Any, dispatched: tuple[str, str]) -> None:
    visitor, task = city.signed_in("weidong"), f"/portal/tasks/{dispatched[1]}"
    with transaction("exchange") as session:
        first, second = (item.id for item in demands.items(session, dispatched[0]))
    own = "public_security.resident|"
    form = {
        f"own_{first}": f"{own}name", f"decision_{first}": "confirm", f"form_{first}": "masked",
        f"own_{second}": f"{own}address", f"decision_{second}": "refuse", f"ground_{second}": "law", f"law_{second}": "不方便",
    }  # fmt: skip
    refused = city.post(visitor, task, form)
    assert refused.status_code == 422
    assert "不予提供“户口所在地”须有依据" in refused.text
    assert re.search(rf'name="form_{first}" value="masked" checked', refused.text)
    given = city.post(visitor, task, form | {f"law_{second}": "依据《中华人民共和国个人信息保护法》第六条"})
    assert "待验收" in given.text
    assert "脱敏" in given.text


def test_lists_search_sort_and_leave_as_a_workbook(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    assert "共 8 条" in visitor.get(f"{city.address}/portal/resources").text
    found = visitor.get(f"{city.address}/portal/resources", params={"q": "婚姻状况"}).text
    assert "共 1 条" in found
    assert "婚姻登记信息" in found
    file = visitor.get(f"{city.address}/portal/resources", params={"sort": "-items", "format": "xlsx"})
    rows = list(openpyxl.load_workbook(io.BytesIO(file.content)).worksheets[0].values)
    assert rows[0][0] == "资源名称"
    assert len(rows) == 9
    assert (
        visitor.get(f"{city.address}/portal/resources", params={"q": "没有这样的"}).text.count("没有符合条件的记录")
        == 1
    )


def test_a_resource_shows_its_items(city: Any) -> None:
    page = city.signed_in("weidong").get(f"{city.address}/portal/resources/public_security.resident").text
    assert "户口登记状态" in page
    assert "有条件共享" in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/portal/none", 404, "没有这个页面"),
        ("/portal/demands/XQ-1900-000001", 404, "没有编号为 XQ-1900-000001 的事项"),
        ("/portal/resources/no.such", 404, "no.such"),
        ("/portal/demands?page=x", 422, "填写内容有误"),
    ],
)
def test_errors_are_pages_in_words(city: Any, path: str, status: int, words: str) -> None:
    answer = city.signed_in("xiaolan").get(city.address + path)
    assert answer.status_code == status
    assert words in answer.text
    assert "<html" in answer.text
    assert "褚晓岚" in answer.text, "an error page still knows whose it is"


def test_a_mistake_of_ours_shows_a_number_and_no_trace(city: Any) -> None:
    portal = next(route.app for route in city.app.routes if getattr(route, "path", "") == "/portal")

    def fail() -> None:
        raise RuntimeError("planted fault")

    portal.add_api_route("/planted", fail)
    answer = city.browser().get(f"{city.address}/portal/planted")
    assert answer.status_code == 500
    assert re.search(r"请将编号 [0-9a-f]{8} 告知运维人员", answer.text)
    assert "planted" not in answer.text.replace("/portal/planted", "")


def test_a_database_that_is_down_is_told_in_words(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", "postgresql+psycopg://127.0.0.1:1/none")
    answer = city.browser().get(f"{city.address}/portal/", cookies={"hutong_session": "anything"})
    assert answer.status_code == 503
    assert "<html" in answer.text


def test_a_receipt_is_checked_part_by_part_and_shows_no_personal_data(city: Any, receipt_file: Path) -> None:
    answer = city.post(city.browser(), "/portal/verify", files={"receipt": ("receipt.json", receipt_file.read_bytes())})
    assert "回执有效：全部 9 项核验通过" in answer.text
    assert "GZ-2026-17" in answer.text
    assert "张三" not in answer.text


def test_a_changed_receipt_fails_and_names_the_part(city: Any, receipt_file: Path) -> None:
    changed = receipt_file.read_bytes().replace("张三".encode(), "李四".encode())
    answer = city.post(city.browser(), "/portal/verify", files={"receipt": ("changed.json", changed)})
    assert "回执无效：“提问摘要”未通过" in answer.text
    assert "这份回执证明" not in answer.text


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "未收到回执文件"),
        (b"\x00\xff", 200, "回执无效：“文件格式”未通过"),
        (b"[" * 100_000, 200, "回执无效"),
        (b"x" * 5 * 2**20, 413, "文件超过 4 MB"),
    ],
)
def test_whatever_is_dropped_gets_a_clear_answer(city: Any, data: bytes, status: int, words: str) -> None:
    answer = city.post(city.browser(), "/portal/verify", files={"receipt": ("some.json", data)})
    assert answer.status_code == status
    assert words in answer.text


def test_pages_work_when_the_browser_assets_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from exchange_api.portal import assets

    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    assets.found.cache_clear()
    mounting.application(FastAPI())
    assert not assets.found()
    assert "make assets" in caplog.text
    assets.found.cache_clear()
