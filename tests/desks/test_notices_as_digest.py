"""One mail a working day, by kind, for those who do not want each notice by itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from exchange_api.noticing import sending
from schemas.database import transaction
from schemas.tables.operations import Notice
from tests.desks.mail_server import Post, mail_server
from tests.desks.outgoing import add_way, at, hub, hub_url, set_mail, states, tell, way_of

__all__ = ["hub", "hub_url"]
pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    with mail_server() as server:
        set_mail(monkeypatch, server.port)
        yield server


def _told_at(moment: str, key: str = "demand.provided", **facts: str) -> int:
    """Tell something as if at that moment, by a way that was there before."""
    notice = tell(key, **facts)
    with transaction() as session:
        session.execute(text("UPDATE operations.notice_ways SET created_at = '2026-01-01'"))
        session.get_one(Notice, notice).created_at = at(moment)
    return notice


def test_what_came_since_yesterday_is_one_mail_by_kind(post: Post) -> None:
    add_way(mode="digest", digest_hour=8)
    _told_at("2026-11-19 09:00")
    sending.send_due(at("2026-11-19 09:05"))
    _told_at(
        "2026-11-19 16:00", "quarantine.ticket_opened", resource="户籍", rows="3", reasons="缺失", due="2026-12-01"
    )
    _told_at("2026-11-20 07:00", "demand.accepted")
    assert sending.send_due(at("2026-11-20 07:05")).sent == 0
    assert sending.send_due(at("2026-11-20 08:01")).sent == 3
    (mail,) = post.mails
    assert mail["Subject"] == "【互通】2026-11-20 通知汇总：3 条"
    body = mail.get_content()
    assert (
        body.index("== 需求 ==")
        < body.index("授权已生成")
        < body.index("需求方已验收")
        < body.index("== 不合格数据 ==")
    )
    assert "“户籍”有 3 行数据不合格（缺失）" in body
    assert sending.send_due(at("2026-11-20 09:00")).sent == 0


def test_in_english_too(post: Post) -> None:
    add_way(mode="digest", digest_hour=8, language="en")
    _told_at("2026-11-19 09:00", "task.opened", due="2026-12-01")
    sending.send_due(at("2026-11-19 09:05"))
    sending.send_due(at("2026-11-20 08:05"))
    assert post.mails[0]["Subject"] == "[Hutong] Digest of 2026-11-20: 1 notices"
    assert "== Supply tasks ==" in post.mails[0].get_content()


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ("2026-11-20 07:59", "2026-11-20 08:00"),  # a Friday, before its hour
        ("2026-11-20 08:00", "2026-11-23 08:00"),  # the hour has struck, and a weekend follows
        ("2026-11-21 07:00", "2026-11-23 08:00"),  # a Saturday
        ("2026-09-30 12:00", "2026-10-08 08:00"),  # National Day
        ("2026-10-09 12:00", "2026-10-10 08:00"),  # a Saturday that is worked
    ],
)
def test_digests_come_on_working_days(post: Post, told: str, due: str) -> None:
    way = add_way(mode="digest", digest_hour=8)
    _told_at(told)
    sending.send_due(at(told))
    before = f"{due[:10]} 07:59"
    if before > told:
        assert sending.send_due(at(before)).sent == 0
    assert sending.send_due(at(due)).sent == 1
    assert way_of(way).verified_at is not None
    assert len(post.mails) == 1


def test_a_digest_that_was_put_off_goes_out_whole_and_what_came_late_goes_with_the_next(post: Post) -> None:
    add_way(mode="digest", digest_hour=8)
    for _ in range(2):
        _told_at("2026-11-19 09:00")
    sending.send_due(at("2026-11-19 09:05"))
    post.says["RCPT"] = "451 4.3.0 later"
    assert sending.send_due(at("2026-11-20 08:00")).put_off == 2
    _told_at("2026-11-20 08:02")
    post.says.clear()
    assert sending.send_due(at("2026-11-20 08:05")).sent == 2
    assert [one[1] for one in states()] == ["sent", "sent", "waiting"]
    assert sending.send_due(at("2026-11-23 08:05")).sent == 1
    assert len(post.mails) == 2
    assert len({mail["Message-ID"] for mail in post.mails}) == 2
