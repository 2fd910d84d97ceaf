"""The small steps of a case by an HTTP client: questions, counter-offers, promises, disputes, files, extensions. Nobody takes what is another's."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from exchange_api import cases
from exchange_api.demand import demands
from exchange_api.supply import supplies
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer
from tests.portal.conftest import actor

PDF = b"%PDF-1.7\n%%EOF\n"
LAW = "依据《中华人民共和国个人信息保护法》第六条"


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Equal needs share one open task: what a test leaves unanswered must not wait in the next one's."""
    yield
    with transaction("exchange") as session:
        waiting = session.scalars(
            select(Demand.id).where(Demand.state.in_(["dispatched", "needs_information", "offered"]))
        )
        for demand_id in waiting.all():
            demands.withdraw(session, actor("xiaolan"), demand_id)


def wanted(case: str) -> list[DemandItem]:
    with transaction("exchange") as session:
        return demands.items(session, case)


def newest(case: str) -> dict[int, SupplyAnswer]:
    with transaction("exchange") as session:
        return supplies.answers_of_demand(session, case)


def word(case: str, decision: str, **more: str) -> dict[str, str]:
    """The form that says the same word on both items of the dispatched demand."""
    said = {"do": "answer"}
    for item, own in zip(wanted(case), ("name", "address"), strict=True):
        said |= {
            f"own_{item.id}": f"public_security.resident|{own}",
            f"decision_{item.id}": decision,
            f"form_{item.id}": "full",
        }
        said |= {f"{part}_{item.id}": text for part, text in more.items()}
    return said


@pytest.fixture
def refused(city: Any, dispatched: tuple[str, str]) -> str:
    """A demand that the police refused altogether; its number."""
    case, task = dispatched
    answer = city.post(city.signed_in("weidong"), f"/portal/tasks/{task}", word(case, "refuse", ground="law", law=LAW))
    assert "不予提供" in answer.text
    return case


def test_a_question_stops_the_clock_and_its_answer_lets_it_run(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider, demander = city.signed_in("weidong"), city.signed_in("xiaolan")
    back = f"/portal/tasks/{task}"
    asked = city.post(provider, f"{back}/ask/{case}", {"why": "请说明为何需要地址", "back": back})
    assert asked.url.endswith(back)
    assert "请说明为何需要地址" in asked.text
    assert "暂停计时" in asked.text
    assert "补充说明" in demander.get(f"{city.address}/portal/").text
    page = demander.get(f"{city.address}/portal/demands/{case}").text
    number = page.partition("/portal/questions/")[2].partition("/")[0]
    stranger = city.post(city.signed_in("sunhui"), f"/portal/questions/{number}/tell", {"why": "我来说明"})
    assert stranger.status_code == 403
    told = city.post(
        demander, f"/portal/questions/{number}/tell", {"why": "须核对户籍地", "back": f"/portal/demands/{case}"}
    )
    assert "须核对户籍地" in told.text
    with transaction("exchange") as session:
        assert cases.get(session, case).state == "dispatched"


def test_a_question_that_is_not_needed_is_taken_back(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider = city.signed_in("weidong")
    asked = city.post(provider, f"/portal/tasks/{task}/ask/{case}", {"why": "用途？", "back": f"/portal/tasks/{task}"})
    number = asked.text.partition("/portal/questions/")[2].partition("/")[0]
    dropped = city.post(provider, f"/portal/questions/{number}/drop", {"back": f"/portal/tasks/{task}"})
    assert "不再需要" in dropped.text


def test_an_offer_is_declined_and_the_refusal_disputed(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    said = word(case, "counter_offer", form="yes_no", note="只能比对")
    assert city.post(city.signed_in("weidong"), f"/portal/tasks/{task}", said).status_code == 200
    demander = city.signed_in("xiaolan")
    page = demander.get(f"{city.address}/portal/demands/{case}").text
    assert "只能比对" in page
    for row in newest(case).values():
        done = city.post(
            demander, f"/portal/answers/{row.id}/decline", {"why": "不够", "back": f"/portal/demands/{case}"}
        )
    assert "替代方案未采纳" in done.text
    assert "对公安局的不予提供提出争议" in done.text


def test_an_offer_without_words_is_refused_at_its_item(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    answer = city.post(city.signed_in("weidong"), f"/portal/tasks/{task}", word(case, "counter_offer", form="yes_no"))
    assert answer.status_code == 422
    assert 'class="field-error" id="wrong-' in answer.text
    assert {row.state for row in newest(case).values()} == {"waiting"}


def test_a_promise_is_kept(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider, day = city.signed_in("weidong"), (today() + timedelta(days=3)).isoformat()
    promised = city.post(provider, f"/portal/tasks/{task}", word(case, "will_provide", date=day))
    assert f"{day} 前提供" in promised.text
    assert "兑现限期提供" in provider.get(f"{city.address}/portal/").text
    assert "等待数源部门兑现" in city.signed_in("xiaolan").get(f"{city.address}/portal/").text
    first, second = newest(case).values()
    own = {"own": "public_security.resident|name", "back": f"/portal/tasks/{task}"}
    assert "限期提供" in city.post(provider, f"/portal/answers/{first.id}/fulfil", own).text
    city.post(
        provider, f"/portal/answers/{second.id}/give-up", {"ground": "no_longer_kept", "back": f"/portal/tasks/{task}"}
    )
    with transaction("exchange") as session:
        assert cases.get(session, case).state == "provided"


def test_terms_of_the_provider_become_those_of_the_grant(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    provider = city.signed_in("weidong")
    terms = {f"hours_{case}": "08-18", f"quota_per_day_{case}": "300", f"is_case_required_{case}": "yes"}
    rows = {
        f"row_attribute_{case}": ["address", "", ""],
        f"row_kind_{case}": ["prefix"] * 3,
        f"row_values_{case}": ["浙江", "", ""],
    }
    wrong = city.post(provider, f"/portal/tasks/{task}", word(case, "confirm") | terms | {f"hours_{case}": "18-08"})
    assert wrong.status_code == 422
    assert 'id="wrong-terms"' in wrong.text
    assert 'value="18-08"' in wrong.text
    wider = city.post(provider, f"/portal/tasks/{task}", word(case, "confirm") | {f"quota_per_day_{case}": "99999"})
    assert "每日额度" in wider.text.partition('id="problem"')[2].partition("</div>")[0]
    given = city.post(provider, f"/portal/tasks/{task}", word(case, "confirm") | terms | rows)
    number = given.text.partition("/portal/grants/")[2].partition('"')[0]
    page = provider.get(f"{city.address}/portal/grants/{number}").text
    assert "08-18" in page
    assert "0 / 300" in page
    assert "浙江" in page


def test_one_demand_of_a_task_is_singled_out(city: Any, dispatched: tuple[str, str]) -> None:
    case, task = dispatched
    form = demands.DemandForm.model_validate(
        {
            "service_item_id": "public_rental_housing", "application_id": "housing_security", "purpose": "再次核验",
            "basis": "《公共租赁住房管理办法》第七条", "items": [{"name": "姓名"}, {"name": "户口所在地", "form": "yes_no"}],
        }
    )  # fmt: skip
    with transaction("exchange") as session:
        other = demands.register(session, actor("xiaolan"), form).id
        demands.submit(session, actor("xiaolan"), other)
        demands.dispatch(session, actor("qiming"), other)
        assert [one.id for one in supplies.tasks_of(session, demand_id=other)] == [task]
    provider = city.signed_in("weidong")
    page = provider.get(f"{city.address}/portal/tasks/{task}").text
    assert page.count('<fieldset class="card pair') == 2
    assert f"只答复 {other}" in page
    city.post(provider, f"/portal/tasks/{task}", word(case, "confirm") | {"scope": case})
    assert {row.state for row in newest(case).values()} == {"confirmed"}
    assert {row.state for row in newest(other).values()} == {"waiting"}


def test_a_dispute_goes_through_its_steps_each_by_whose_it_is(city: Any, refused: str) -> None:
    demander, provider, authority = (city.signed_in(one) for one in ("xiaolan", "weidong", "qiming"))
    items = [str(item.id) for item in wanted(refused)]
    raised = city.post(demander, f"/portal/demands/{refused}/dispute", {"item": items, "why": "法律并未禁止"})
    assert "协商中" in raised.text
    number = raised.text.partition("/portal/disputes/")[2].partition("/")[0]
    assert "协商争议" in provider.get(f"{city.address}/portal/").text
    back = {"back": f"/portal/demands/{refused}"}
    assert city.post(demander, f"/portal/disputes/{number}/settle", back).status_code == 403
    assert (
        city.post(city.signed_in("wumin"), f"/portal/disputes/{number}/state", {"why": "旁观"} | back).status_code
        == 403
    )
    assert "坚持原答复" in city.post(provider, f"/portal/disputes/{number}/state", {"why": "坚持原答复"} | back).text
    assert "主管部门裁定中" in city.post(demander, f"/portal/disputes/{number}/refer", back).text
    assert "裁定争议" in authority.get(f"{city.address}/portal/").text
    decided = {"verdict": "uphold", "why": "依法不予共享"} | back
    assert city.post(provider, f"/portal/disputes/{number}/decide", decided).status_code == 403
    assert "维持不予提供" in city.post(authority, f"/portal/disputes/{number}/decide", decided).text
    assert (
        "提请共同上级" in city.post(demander, f"/portal/disputes/{number}/escalate", {"why": "请上级裁定"} | back).text
    )
    send_back = {"verdict": "send_back", "why": "应当共享", "document": "省数发〔2026〕1号"} | back
    assert "退回重新办理" in city.post(authority, f"/portal/disputes/{number}/decide", send_back).text
    with transaction("exchange") as session:
        assert cases.get(session, refused).state == "dispatched"


def test_files_are_handed_out_to_save_and_only_to_those_concerned(city: Any) -> None:
    demander = city.signed_in("xiaolan")
    form = {
        "service_item_id": "public_rental_housing",
        "volume_per_day": "10",
        "item_name": "姓名",
        "item_note": "",
        "do": "save",
    }
    case = city.post(demander, "/portal/demands/new", form).url.rpartition("/")[2]
    page = city.post(demander, f"/portal/demands/{case}/attach", files={"file": ("依据.pdf", PDF)})
    assert "依据.pdf" in page.text
    path = f"/portal/demands/{case}/files/" + page.text.partition(f"/portal/demands/{case}/files/")[2].partition('"')[0]
    got = demander.get(city.address + path)
    assert got.content == PDF
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert city.signed_in("sunhui").get(city.address + path).status_code == 403
    assert city.post(demander, f"/portal/demands/{case}/attach", files={"file": ("a.exe", b"MZ")}).status_code == 415
    assert city.post(demander, f"/portal/demands/{case}/attach", files={"file": ("a.pdf", b"")}).status_code == 422
    assert "依据.pdf" not in city.post(demander, f"{path}/remove").text.partition('id="h-timeline"')[0]
    assert city.post(demander, f"/portal/demands/{case}/discard").url.endswith("/portal/demands")
    assert demander.get(f"{city.address}/portal/demands/{case}").status_code == 404


def test_more_days_are_asked_for_and_consented_to_by_another(city: Any, dispatched: tuple[str, str]) -> None:
    case, _ = dispatched
    provider, authority = city.signed_in("weidong"), city.signed_in("qiming")
    back = {"back": f"/portal/demands/{case}"}
    page = provider.get(f"{city.address}/portal/demands/{case}").text
    clock = page.partition("/portal/clocks/")[2].partition("/")[0]
    assert (
        city.post(
            city.signed_in("wumin"), f"/portal/clocks/{clock}/extend", {"days": "5", "why": "忙"} | back
        ).status_code
        == 403
    )
    assert (
        "待同意"
        in city.post(provider, f"/portal/clocks/{clock}/extend", {"days": "5", "why": "须核对档案"} | back).text
    )
    assert "答复延期申请" in authority.get(f"{city.address}/portal/").text
    extension = (
        authority.get(f"{city.address}/portal/demands/{case}")
        .text.partition("/portal/extensions/")[2]
        .partition("/")[0]
    )
    assert city.post(provider, f"/portal/extensions/{extension}/consent", back).status_code == 403
    assert "延期 5 日" in city.post(authority, f"/portal/extensions/{extension}/consent", back).text


def test_a_task_shows_a_demander_only_his_own_share(city: Any, dispatched: tuple[str, str]) -> None:
    page = city.signed_in("xiaolan").get(f"{city.address}/portal/tasks/{dispatched[1]}")
    assert page.status_code == 200
    assert "提交答复" not in page.text
    assert city.signed_in("sunhui").get(f"{city.address}/portal/tasks/{dispatched[1]}").status_code == 403
