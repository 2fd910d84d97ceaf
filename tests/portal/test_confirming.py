"""Steps that cannot be taken back, or that start other people's clocks, ask first: what is shown is what happens, and nothing has happened before."""

import io
import re
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from playwright.sync_api import expect
from sqlalchemy import func, select

from exchange_api import cases
from exchange_api.accounts import trail
from exchange_api.accounts.trail import Sought
from exchange_api.demand import demands
from exchange_api.portal import mounting
from exchange_api.portal.confirming_words import SURE
from exchange_api.portal.deed_words import DEED
from exchange_api.supply.answer_book import COLUMNS
from schemas.database import transaction
from schemas.tables.clocks import CaseClock
from schemas.tables.operations import Notice
from tests.portal.conftest import actor

HARMLESS = {
    "looks, or changes what is the officer's own": (
        "/sign-out", "/account/", "/notices/", "/lists/", "/verify", "/records", "/rows/{row_id}/reveal",
        "/objections/{objection_id}/look", "/objections/receipt", "/batches/{batch_id}/preview",
        "/grants/{grant_id}/health",
    ),
    "makes or changes a draft, which nobody else sees": (
        "/demands/new", "/demands/{demand_id}/attach", "/demands/{demand_id}/files/", "/directory-workbook", "/directory-draft", "/resources/", "/drafts/",
    ),
    "adds words or a key, and ends nothing": (
        "/disputes/{dispute_id}/state", "/reviews/{resource_id}/acknowledge", "/applications/{application_id}/keys",
        "/applications/{application_id}/trial-key",
    ),
    "says on its own form what follows": ("/accounts/",),
    "an order of the steward, who sees its consequences before it": (
        "/pipelines/", "/batches/{batch_id}/retract", "/batches/{batch_id}/corrections", "/waivers", "/objections/{objection_id}/rule", "/orders/",
        "/quarantine/", "/rows/{row_id}/replay", "/conflicts/",
        "/rulings/",
    ),
}  # fmt: skip


def _forms() -> set[str]:
    routes = mounting.pages(mounting.application(FastAPI()))
    return {f"POST {route.path}" for route in routes if "POST" in (route.methods or ())}


def _route_of(deed: str) -> str:
    """The route of a deed: its last part may be a step that the route leaves open."""
    forms = _forms()
    if deed in forms:
        return deed
    head, _, _ = deed.rpartition("/")
    return next((one for one in (f"{head}/{{action}}", f"{head}/{{decision}}") if one in forms), "")


def test_every_form_asks_first_or_has_a_reason_not_to() -> None:
    deeds = {deed for deed in DEED if deed.startswith("POST ")}
    unnamed = (
        _forms() - {_route_of(deed) for deed in deeds} - {"POST /sign-in", "POST /sign-in/next", "POST /demands/keep"}
    )
    assert unnamed == {"POST /demands/matches", "POST /tasks/{task_id}/keep", "POST /resources/{resource_id}/keep"}, (
        "name these in deed_words"
    )
    assert [deed for deed in deeds if not _route_of(deed)] == [], "no form does these any more"
    excused = tuple(f"POST {path}" for paths in HARMLESS.values() for path in paths)
    assert {deed for deed in deeds if deed not in SURE and not deed.startswith(excused)} == set()
    assert set(SURE) - deeds == set()


def test_a_rehearsed_step_leaves_nothing_behind(city: Any, submitted: str) -> None:
    authority = city.signed_in("qiming")
    with transaction("exchange") as session:
        before = (
            session.scalar(select(func.count()).select_from(Notice)),
            session.scalar(select(func.count()).select_from(CaseClock)),
        )
    asked = city.ask(authority, f"/portal/demands/{submitted}/dispatch")
    assert asked.status_code == 200
    assert "还没有办理" in asked.text
    with transaction("exchange") as session:
        assert cases.get(session, submitted).state == "submitted"
        assert not [
            one
            for one in trail.page(session, Sought(officer="qiming", case=submitted))
            if one.action.endswith("dispatch")
        ]
        after = (
            session.scalar(select(func.count()).select_from(Notice)),
            session.scalar(select(func.count()).select_from(CaseClock)),
        )
    assert after == before


def test_what_is_shown_is_what_happens(city: Any, submitted: str) -> None:
    authority = city.signed_in("qiming")
    asked = city.ask(authority, f"/portal/demands/{submitted}/dispatch").text
    assert "主管部门审核</strong> 停止计时" in asked
    due = re.search(r"公安局 · 数源部门答复</strong> 开始计时 (\S+) 前 ", asked)
    assert due, asked
    told = asked.partition("将通知")[2]
    assert "公安局</strong>" in told
    city.confirm(authority, city.ask(authority, f"/portal/demands/{submitted}/dispatch"))
    with transaction("exchange") as session:
        running = session.scalars(
            select(CaseClock).where(CaseClock.demand_id == submitted, CaseClock.state == "running")
        ).one()
        assert (running.department_id, running.due_date.isoformat()) == ("public_security", due[1])
        assert session.scalar(
            select(func.count()).where(Notice.demand_id == submitted, Notice.department_id == "public_security")
        )


def test_a_step_whose_consequences_have_changed_asks_again(city: Any, submitted: str) -> None:
    demander = city.signed_in("xiaolan")
    asked = city.ask(demander, f"/portal/demands/{submitted}/withdraw", {"why": "不再办理"})
    with transaction("exchange") as session:
        demands.dispatch(session, actor("qiming"), submitted)
    again = city.confirm(demander, asked)
    assert "情况已有变化" in again.text
    assert "公安局" in again.text.partition("将通知")[2]
    with transaction("exchange") as session:
        assert cases.get(session, submitted).state == "dispatched"
    assert "已撤回" in city.confirm(demander, again).text


def test_a_token_is_good_for_its_own_words_and_officer_only(city: Any, submitted: str) -> None:
    demander = city.signed_in("xiaolan")
    asked = city.ask(demander, f"/portal/demands/{submitted}/withdraw", {"why": "不再办理"}).text
    token = asked.partition('name="known" value="')[2].partition('"')[0]
    assert token
    for visitor, why in ((demander, "另有缘由"), (city.signed_in("xiaolan"), "不再办理")):
        other = city.ask(visitor, f"/portal/demands/{submitted}/withdraw", {"why": why, "known": token})
        assert "情况已有变化" in other.text
    with transaction("exchange") as session:
        assert cases.get(session, submitted).state == "submitted"


def test_who_may_not_take_a_step_is_refused_and_not_asked(city: Any, submitted: str) -> None:
    refused = city.ask(city.signed_in("weidong"), f"/portal/demands/{submitted}/dispatch")
    assert refused.status_code == 403
    empty = city.ask(city.signed_in("qiming"), f"/portal/demands/{submitted}/return")
    assert empty.status_code == 422
    assert 'id="sure"' not in empty.text + refused.text


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["script", "without-script"])
def test_a_frequent_step_is_two_strokes_of_the_enter_key(studio: Any, submitted: str, options: dict[str, Any]) -> None:
    page = studio.desk(**options)
    studio.sign_in(page, "qiming")
    page.goto(f"{studio.city.address}/portal/demands/{submitted}")
    page.locator("button:has-text('分派到数源部门')").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sure button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".head .tag").first).to_have_text("待数源确认")


def test_an_ending_step_is_not_confirmed_by_a_stroke_too_many(studio: Any, submitted: str) -> None:
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "xiaolan")
    page.goto(f"{studio.city.address}/portal/demands/{submitted}")
    page.click("summary:has-text('撤回')")
    page.fill("details[open] textarea", "申请人已撤回申请")
    page.click("details[open] button")
    expect(page.locator("#sure button")).not_to_be_focused()
    expect(page.locator(".sure")).to_contain_text("申请人已撤回申请")
    studio.picture(page, "65-sure-withdraw")
    assert studio.violations(page) == []
    page.click("text=English")
    page.click("summary:has-text('Withdraw')")
    page.click("details[open] button")
    expect(page.locator("main")).to_contain_text("Please confirm")
    studio.picture(page, "65-sure-withdraw-english")
    page.click("text=Cancel")
    expect(page.locator(".head .tag").first).to_have_text("To be dispatched")
    assert not studio.complaints


def test_a_workbook_of_answers_is_carried_through_the_question(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider = city.signed_in("weidong")
    file = provider.get(f"{city.address}/portal/supply-workbook/file").content
    book = openpyxl.load_workbook(io.BytesIO(file))
    sheet = book.worksheets[0]
    head = {str(cell.value): cell.column or 0 for cell in sheet[1]}
    rows = [row for row in range(2, sheet.max_row + 1) if sheet.cell(row, head[COLUMNS["task"][0]]).value == task]
    for row in rows:
        sheet.cell(row, head[COLUMNS["decision"][0]]).value = "确认提供"
    filled = io.BytesIO()
    book.save(filled)
    asked = city.ask(provider, "/portal/supply-workbook", {"do": "take"}, files={"file": ("a.xlsx", filled.getvalue())})
    assert "确认 2、" in asked.text.partition("将通知")[2]
    with transaction("exchange") as session:
        assert cases.get(session, case).state == "dispatched"
    done = city.confirm(provider, asked)
    assert "全部采纳" in done.text
    with transaction("exchange") as session:
        assert cases.get(session, case).state == "provided"
