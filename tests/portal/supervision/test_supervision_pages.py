"""Supervision on pages: every number opens down to its cases, departments see their own, objections go their way, a report is filed and printed."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import delete, select

from exchange_api.supervision import snapshots, weekly, weeks
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.exchange import CaseEvent, Demand
from schemas.tables.supervision import SupervisionWeek
from tests.portal.conftest import actor

DEMAND = "XQ-1999-00000{}"


@pytest.fixture(scope="module")
def week(city: Any) -> Any:  # noqa: ARG001 - its database must be there
    """The last week, counted: the police replied four times in time, once late, and left one open. Its cases go when the tests are done."""
    last = weeks.last_whole()
    numbers = [DEMAND.format(place) for place in range(1, 7)]
    with transaction("exchange") as session:
        for place, number in enumerate(numbers, 1):
            purpose = '=HYPERLINK("http://evil.example")<script>'
            session.add(
                Demand(
                    id=number, department_id="housing", application_id="housing_security", service_item_id="public_rental_housing", purpose=purpose,
                    basis="办法", state="dispatched", created_by="xiaolan", created_at=last.before().begin, submitted_at=last.before().begin,
                )
            )  # fmt: skip
            session.flush()
            due, done = (
                (last.last_day, last.first_day)
                if place <= 4
                else (last.first_day, last.last_day if place == 5 else None)
            )
            session.add(_clock(number, due, done))
        session.flush()
        if session.get(SupervisionWeek, last.name) is None:
            weekly.count_and_tell(session, actor("shenji"), last)
    yield last.name
    with transaction() as session:
        for model in (ClockEvent,):
            mine = select(CaseClock.id).where(CaseClock.demand_id.in_(numbers))
            session.execute(delete(model).where(model.clock_id.in_(mine)))
        session.execute(delete(CaseClock).where(CaseClock.demand_id.in_(numbers)))
        session.execute(delete(CaseEvent).where(CaseEvent.demand_id.in_(numbers)))
        session.execute(delete(Demand).where(Demand.id.in_(numbers)))


def _clock(number: str, due: date, done: date | None) -> CaseClock:
    return CaseClock(
        case=number, demand_id=number, department_id="public_security", rule_key="reply_conditional", jurisdiction="national", day_type="working", days=10,
        basis="条例", state="met" if done else "running", started_on=due - timedelta(days=14), due_date=due, stopped_on=done,
    )  # fmt: skip


def test_the_authority_opens_a_number_down_to_its_case(city: Any, week: str) -> None:
    visitor = city.signed_in("qiming")
    overview = visitor.get(f"{city.address}/portal/supervision").text
    assert "/portal/supervision/concerns/overdue" in overview
    assert f"/portal/supervision/scores/{week}/public_security" in overview
    score = visitor.get(f"{city.address}/portal/supervision/scores/{week}/public_security").text
    assert "4 / 6" in score
    assert "66.7%" in score
    assert "本周无事项" in score
    assert "平台没有各部门的职责清单和系统清单" in score
    cases = visitor.get(f"{city.address}/portal/supervision/scores/{week}/public_security/reply_timely").text
    assert cases.count('href="/portal/demands/XQ-1999-') == 6
    assert "周末时未办结" in cases


def test_a_department_sees_its_own_score_and_no_other(city: Any, week: str) -> None:
    police, stranger = city.signed_in("weidong"), city.signed_in("wumin")
    assert "4 / 6" in police.get(f"{city.address}/portal/supervision/own").text
    for place in ("", "/reply_timely"):
        address = f"{city.address}/portal/supervision/scores/{week}/public_security{place}"
        assert police.get(address).status_code == 200
        assert stranger.get(address).status_code == 403
    assert stranger.get(f"{city.address}/portal/reports/{week}").status_code == 403


def test_overdue_cases_are_supervised_after_their_consequences_were_shown(city: Any, week: str) -> None:  # noqa: ARG001
    authority = city.signed_in("qiming")
    with transaction("exchange") as session:
        clock = session.scalars(select(CaseClock).where(CaseClock.demand_id == DEMAND.format(6))).one().id
    listed = authority.get(f"{city.address}/portal/supervision/concerns/overdue?department=public_security").text
    assert f"/portal/supervision/clocks/{clock}" in listed
    path = f"/portal/supervision/clocks/{clock}"
    assert "督办意见" in authority.get(f"{city.address}{path}").text
    empty = city.post(authority, path, {"why": " "})
    assert empty.status_code == 422
    assert "督办须写明意见" in empty.text
    assert city.post(city.signed_in("weidong"), path, {"why": "快办"}).status_code == 403
    asked = city.ask(authority, path, {"why": "请三日内答复"})
    assert "该期限亮督办灯" in asked.text
    assert "公安局</strong>" in asked.text.partition("将通知")[2]
    done = city.confirm(authority, asked).text
    assert f'href="{path}"' not in done
    assert "请三日内答复" in authority.get(f"{city.address}/portal/demands/{DEMAND.format(6)}").text


def test_an_objection_goes_from_the_department_to_a_second_reviewer(city: Any, week: str) -> None:
    police, authority = city.signed_in("weidong"), city.signed_in("qiming")
    with transaction("reader") as session:
        score = snapshots.get(session, week, "public_security")
        late = next(
            one
            for one in snapshots.cases_of(session, score.id)["reply_timely"]
            if one.facts["demand"] == DEMAND.format(5)
        )
    form = {
        "score": str(score.id),
        "key": "reply_timely",
        "kind": "clock",
        "case": late.id,
        "reason": "",
        "evidence": "运维单<script>",
    }
    asked = police.get(f"{city.address}/portal/supervision/objections/new", params=form)
    assert DEMAND.format(5) in asked.text
    assert (
        city.signed_in("wumin").get(f"{city.address}/portal/supervision/objections/new", params=form).status_code == 403
    )
    empty = city.post(police, "/portal/supervision/objections/new", form)
    assert empty.status_code == 422
    assert "运维单&lt;script&gt;" in empty.text
    filed = city.post(police, "/portal/supervision/objections/new", form | {"reason": "接口当日故障"})
    assert "接口当日故障" in filed.text
    path = filed.url.removeprefix(city.address)
    assert city.signed_in("sunhui").get(filed.url).status_code == 403
    assert city.post(police, f"{path}/uphold", {"why": "自己采纳"}).status_code == 403
    upheld = city.post(authority, f"{path}/uphold", {"why": "属实"}).text
    assert "66.7" in upheld
    assert "80.0" in upheld
    assert "已更正" in police.get(f"{city.address}/portal/supervision/own").text
    assert f'href="{path}"' in police.get(f"{city.address}/portal/notices").text


def test_a_report_leaves_as_a_workbook_without_formulas(city: Any, week: str) -> None:
    visitor = city.signed_in("qiming")
    assert week in visitor.get(f"{city.address}/portal/reports").text
    for language, title in (("zh", "部门得分"), ("en", "Scores")):
        visitor.get(f"{city.address}/portal/language/{language}?next=/portal/")
        answer = visitor.get(f"{city.address}/portal/reports/{week}?format=xlsx")
        book = load_workbook(io.BytesIO(answer.content))
        assert title in book.sheetnames
        kinds = {
            cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None
        }
        assert kinds == {"s", "n"}
    listed = visitor.get(f"{city.address}/portal/supervision/concerns/overdue?format=xlsx")
    assert load_workbook(io.BytesIO(listed.content)).active is not None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_stand_for_a_picture_and_axe_finds_nothing(studio: Any, week: str, language: str) -> None:
    places = {
        "qiming": {
            "80-supervision": "/supervision", "81-overdue": "/supervision/concerns/overdue", "82-score": f"/supervision/scores/{week}/public_security",
            "83-cases": f"/supervision/scores/{week}/public_security/reply_timely", "84-report": f"/reports/{week}", "85-reports": "/reports",
            "86-objections": "/supervision/objections",
        },
        "weidong": {"87-own": "/supervision/own"},
    }  # fmt: skip
    page, found = studio.desk(bypass_csp=True), []
    studio.complaints.clear()
    for officer, pages in places.items():
        page.context.clear_cookies(name="hutong_session")
        studio.sign_in(page, officer)
        page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/")
        for name, path in pages.items():
            page.goto(f"{studio.city.address}/portal{path}")
            studio.picture(page, name if language == "zh" else f"{name}-english")
            if name == "84-report":
                studio.printed(page, name if language == "zh" else f"{name}-english")
            found += studio.violations(page)
    assert not found, "\n".join(found)
    assert not studio.complaints


def test_the_page_of_supervising_has_no_violation(studio: Any, week: str) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        late = _clock(DEMAND.format(1), today() - timedelta(days=9), None)
        late.rule_key = "provide_after_agree"
        session.add(late)
        session.flush()
        number = late.id
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "qiming")
    page.goto(f"{studio.city.address}/portal/supervision/clocks/{number}")
    studio.picture(page, "88-supervise")
    assert not studio.violations(page)
