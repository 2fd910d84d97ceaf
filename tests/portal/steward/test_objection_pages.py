"""A doubted value has its page: both sides and those who watch read it, its source answers there, and looks in clear are evidence."""

from typing import Any

import pytest
from sqlalchemy import text

from exchange_api.actors import Actor
from exchange_api.objections import objections
from exchange_api.objections.objections import Doubt
from schemas.database import transaction
from tests.portal.steward.conftest import IDS
from tests.portal.steward.test_orders import _value

SUNHUI = Actor("sunhui", "civil_affairs", frozenset({"demander"}))
REASON = "当事人出示的证件与登记姓名不符"


def raised(subject: str) -> str:
    """An objection of civil affairs to a name that the police say."""
    with transaction("exchange") as session:
        doubt = Doubt(REASON, "王改名", "证件照片")
        return objections.raise_by_officer(session, SUNHUI, ("population", subject, None), "name", doubt).id


def state_of(objection: str) -> str:
    with transaction() as session:
        return str(session.scalar(text("SELECT state FROM exchange.objections WHERE id = :id"), {"id": objection}))


def looks(objection: str) -> int:
    with transaction() as session:
        found = "SELECT count(*) FROM evidence.entries WHERE position(:needle IN convert_from(document, 'UTF8')) > 0"
        return int(
            session.scalar(
                text(f"{found} AND convert_from(document, 'UTF8') LIKE '%objection_look%'"), {"needle": objection}
            )
            or 0
        )


def test_both_sides_and_those_who_watch_read_it_masked(site: Any) -> None:
    one = raised(IDS[10])
    for officer in ("sunhui", "weidong", "guanjia", "qiming"):
        assert one in site.page(officer, "/objections")
        page = site.page(officer, f"/objections/{one}")
        assert "待核实" in page
        assert "姓名" in page
        for secret in (IDS[10], REASON, "王改名"):
            assert secret not in page
    assert ("维持原值…" in site.page("weidong", f"/objections/{one}")) is True
    assert "维持原值…" not in site.page("guanjia", f"/objections/{one}")
    assert "撤回异议" not in site.page("weidong", f"/objections/{one}")
    assert one not in site.page("guanjia", "/objections?state=closed")


def test_what_is_in_clear_is_for_its_sides_and_noted(site: Any) -> None:
    one = raised(IDS[11])
    path = f"/portal/objections/{one}/look"
    assert site.post(site.signed_in("weidong"), path, {"why": ""}).status_code == 422
    assert site.post(site.signed_in("qiming"), path, {"why": "核实"}).status_code == 403
    assert looks(one) == 0
    page = site.post(site.signed_in("weidong"), path, {"why": "核实异议"}).text
    for told in (IDS[11], REASON, "王改名", "证件照片"):
        assert told in page
    assert looks(one) == 1


def test_the_source_upholds_its_value_on_a_ground(site: Any) -> None:
    one, source = raised(IDS[12]), site.signed_in("weidong")
    assert (
        site.post(source, f"/portal/objections/{one}/refuse", {"ground": "value_confirmed", "why": ""}).status_code
        == 422
    )
    assert site.post(source, f"/portal/objections/{one}/refuse", {"ground": "x", "why": "无误"}).status_code == 422
    refused = site.post(
        site.signed_in("sunhui"), f"/portal/objections/{one}/refuse", {"ground": "value_confirmed", "why": "x"}
    )
    assert refused.status_code == 403
    done = site.post(source, f"/portal/objections/{one}/refuse", {"ground": "value_confirmed", "why": "与户籍底册一致"})
    assert "经核实，原值无误" in done.text
    assert state_of(one) == "refused"
    assert one in site.page("sunhui", "/objections?state=closed")
    assert "维持原值" in site.page("sunhui", "/notices")


def test_the_source_promises_and_must_name_a_batch_that_corrected_it(site: Any) -> None:
    one, source = raised(IDS[13]), site.signed_in("weidong")
    assert "更正中" in site.post(source, f"/portal/objections/{one}/promise", {"why": "本周更正"}).text
    wrong = site.post(source, f"/portal/objections/{one}/correct", {"batch": site.batches["first"], "why": ""})
    assert wrong.status_code == 409 or wrong.status_code == 422
    assert state_of(one) == "correcting"


def test_whoever_raised_it_takes_it_back(site: Any) -> None:
    one = raised(IDS[14])
    assert site.post(site.signed_in("weidong"), f"/portal/objections/{one}/withdraw").status_code == 403
    assert "已撤回" in site.post(site.signed_in("sunhui"), f"/portal/objections/{one}/withdraw").text
    assert state_of(one) == "withdrawn"
    again = site.post(site.signed_in("sunhui"), f"/portal/objections/{one}/withdraw")
    assert again.status_code in (409, 422)


def test_a_steward_rules_and_the_library_says_so(site: Any) -> None:
    one, steward = raised(IDS[16]), site.signed_in("guanjia")
    assert (
        site.post(
            site.signed_in("weidong"), f"/portal/objections/{one}/rule", {"take": "claimed", "why": "x"}
        ).status_code
        == 403
    )
    assert site.post(steward, f"/portal/objections/{one}/rule", {"take": "other", "why": "经核实"}).status_code == 422
    assert site.post(steward, f"/portal/objections/{one}/rule", {"take": "claimed", "why": ""}).status_code == 422
    assert "处理完成" in site.ordered(steward, f"/objections/{one}/rule", {"take": "claimed", "why": "经核实档案"})
    assert state_of(one) == "ruled"
    assert _value(IDS[16], "name") == "王改名"
    assert "已裁定" in site.page("sunhui", f"/objections/{one}")
    assert site.post(steward, f"/portal/objections/{one}/rule", {"take": "claimed", "why": "再来"}).status_code in (
        409,
        422,
    )


def test_to_a_department_an_unknown_one_looks_like_anothers(site: Any) -> None:
    assert site.signed_in("weidong").get(f"{site.address}/portal/objections/YY-1900-000001").status_code == 403
    assert site.signed_in("guanjia").get(f"{site.address}/portal/objections/YY-1900-000001").status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
def test_their_looks(studio: Any, language: str) -> None:
    one = raised(IDS[15])
    studio.complaints.clear()
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "weidong")
    suffix = "" if language == "zh" else "-english"
    page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/objections")
    found = studio.violations(page)
    studio.picture(page, f"80-objections{suffix}")
    page.goto(f"{studio.city.address}/portal/objections/{one}")
    found += studio.violations(page)
    studio.picture(page, f"81-objection{suffix}")
    steward = studio.desk(bypass_csp=True)
    studio.sign_in(steward, "guanjia")
    steward.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/objections/{one}")
    found += studio.violations(steward)
    studio.picture(steward, f"82-objection-steward{suffix}")
    assert not found, "\n".join(found)
    assert not studio.complaints
