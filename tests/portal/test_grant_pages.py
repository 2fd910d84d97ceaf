"""Grants and notices on pages: each side does what is its own, and nobody else's."""

from datetime import timedelta
from typing import Any

import pytest

from exchange_api.grant import flags, grants
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.grant_life import QuotaRequest
from tests.portal.conftest import actor


@pytest.fixture
def granted(dispatched: tuple[str, str]) -> str:
    """A grant of the police's two items; its number."""
    case, task = dispatched
    with transaction("exchange") as session:
        rows = supplies.answers_of(session, task, case)
        words = [ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in rows]
        supplies.answer(session, actor("weidong"), task, words, case)
        (grant,) = grants.find(session, demand_id=case)
        return grant.id


def test_a_grant_shows_what_it_gives_and_how_it_is_used(city: Any, granted: str) -> None:
    for officer in ("xiaolan", "weidong", "qiming", "shenji"):
        visitor = city.signed_in(officer)
        assert granted in visitor.get(f"{city.address}/portal/grants").text
        page = visitor.get(f"{city.address}/portal/grants/{granted}").text
        assert "近七日用量" in page
        assert "0 / 1000" in page
    assert (
        "暂停" not in city.signed_in("shenji").get(f"{city.address}/portal/grants/{granted}").text.partition("<main")[2]
    )


def test_a_grant_is_hidden_from_departments_it_does_not_concern(city: Any, granted: str) -> None:
    stranger = city.signed_in("sunhui")
    assert granted not in stranger.get(f"{city.address}/portal/grants").text
    assert stranger.get(f"{city.address}/portal/grants/{granted}").status_code == 403
    assert city.post(stranger, f"/portal/grants/{granted}/suspend").status_code == 403


def test_each_side_suspends_and_lifts_its_own(city: Any, granted: str) -> None:
    provider, consumer = city.signed_in("weidong"), city.signed_in("xiaolan")
    assert "核对来源" in city.post(provider, f"/portal/grants/{granted}/suspend", {"why": "核对来源"}).text
    assert "系统升级" in city.post(consumer, f"/portal/grants/{granted}/suspend", {"why": "系统升级"}).text
    city.post(consumer, f"/portal/grants/{granted}/resume")
    with transaction("exchange") as session:
        assert [one.side for one in flags.of(session, granted)] == ["provider"]
    assert "为何暂停" not in city.post(provider, f"/portal/grants/{granted}/resume").text


def test_more_use_is_asked_for_by_who_uses_and_decided_by_who_gives(city: Any, granted: str) -> None:
    provider, consumer = city.signed_in("weidong"), city.signed_in("xiaolan")
    asked = {"quota": "5000", "day": today().isoformat(), "why": "集中受理"}
    assert city.post(provider, f"/portal/grants/{granted}/quota", asked).status_code == 403
    assert "集中受理" in city.post(consumer, f"/portal/grants/{granted}/quota", asked).text
    assert "审批用量申请" in provider.get(f"{city.address}/portal/").text
    with transaction("exchange") as session:
        request = session.query(QuotaRequest).filter_by(grant_id=granted).one().id
    said = {"quota": "3000", "until": (today() + timedelta(days=5)).isoformat()}
    assert city.post(consumer, f"/portal/quota/{request}/approve", said).status_code == 403
    assert "0 / 3000" in city.post(provider, f"/portal/quota/{request}/approve", said).text


def test_a_grant_is_certified_and_prolonged_by_who_gives(city: Any, granted: str) -> None:
    provider, consumer = city.signed_in("weidong"), city.signed_in("xiaolan")
    later = (today() + timedelta(days=900)).isoformat()
    assert city.post(consumer, f"/portal/grants/{granted}/recertify").status_code == 403
    assert "复核" in city.post(provider, f"/portal/grants/{granted}/recertify", {"why": "仍然需要"}).text
    assert (
        "申请续期" in city.post(consumer, f"/portal/grants/{granted}/renew", {"until": later, "why": "业务持续"}).text
    )
    assert later in city.post(provider, f"/portal/grants/{granted}/prolong", {"until": later}).text
    bad = city.post(provider, f"/portal/grants/{granted}/prolong", {"until": "明年"})
    assert bad.status_code == 422
    assert "填写内容有误" in bad.text
    assert "已撤销" in city.post(city.signed_in("qiming"), f"/portal/grants/{granted}/revoke", {"why": "违规使用"}).text


def test_a_health_check_really_asks_and_shows_each_step(city: Any, granted: str) -> None:
    page = city.post(city.signed_in("xiaolan"), f"/portal/grants/{granted}/health").text
    checks = page.partition('id="h-health"')[2].partition("</ol>")[0]
    assert checks.count("<li") == 11
    assert "应用公钥" in checks


def test_notices_are_read_by_the_department_they_were_sent_to(city: Any, granted: str) -> None:
    visitor = city.signed_in("xiaolan")
    page = visitor.get(f"{city.address}/portal/notices").text
    assert f"/portal/grants/{granted}" in page
    number = page.partition('name="notice" value="')[2].partition('"')[0]
    assert city.post(city.signed_in("wumin"), "/portal/notices/read", {"notice": number}).status_code == 403
    assert f'name="notice" value="{number}"' in visitor.get(f"{city.address}/portal/notices").text
    city.post(visitor, "/portal/notices/read", {"notice": number})
    left = visitor.get(f"{city.address}/portal/notices").text
    assert f'name="notice" value="{number}"' not in left
    up_to = left.partition('name="up_to" value="')[2].partition('"')[0]
    done = city.post(visitor, "/portal/notices/read-all", {"up_to": up_to}).text
    assert "0 条未读" in done
    assert "没有符合条件的记录" in visitor.get(f"{city.address}/portal/notices?unread=1").text
