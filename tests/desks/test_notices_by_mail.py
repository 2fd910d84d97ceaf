"""What a department is told goes out by mail: once, in words, and never lost, whatever the mail server does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.header import decode_header
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from exchange_api.noticing import mailing, sending, ways
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.tables.notice_ways import NoticeWay
from tests.desks.mail_server import Post, certificate, mail_server
from tests.desks.outgoing import LI, MAIL, add_way, hub, hub_url, set_mail, states, tell, told, way_of

__all__ = ["hub", "hub_url"]
pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    with mail_server() as server:
        set_mail(monkeypatch, server.port)
        yield server


def later(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def test_a_notice_goes_out_once_in_plain_words(post: Post) -> None:
    add_way()
    tell()
    assert sending.send_due().sent == 1
    assert sending.send_due().sent == 0
    (mail,) = post.mails
    assert mail["Subject"] == "【互通】授权已生成：核验户籍"
    assert b"\xe3\x80\x90" not in post.raw[0].split(b"\r\n\r\n")[0]  # encoded as mail demands, not raw
    assert mail["To"] == MAIL
    assert (mail["Auto-Submitted"], mail["List-Id"]) == ("auto-generated", "Hutong notices <notices.hutong.local>")
    assert "http://hutong.local/portal/demands/XQ-2026-000001" in mail.get_content()
    assert mail.get_content_type() == "text/plain"


def test_the_subject_is_read_by_any_mail_program(post: Post) -> None:
    add_way(language="en")
    tell("demand.provided", purpose="核验户籍" * 40)
    sending.send_due()
    head = post.raw[0].split(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 and line.isascii() for line in head.split(b"\r\n"))
    unfolded = head.decode().replace("\r\n ", " ")
    (subject,) = [line for line in unfolded.splitlines() if line.startswith("Subject: ")]
    read = "".join(
        part.decode(charset or "ascii") if isinstance(part, bytes) else part
        for part, charset in decode_header(subject[9:])
    )
    assert read.startswith("[Hutong] ")
    assert "核验户籍核验户籍" in read


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: all@x.test", "a\nTo: b", "a\x1bb", "a\u2028b", "\r\n.\r\nMAIL FROM:<x@y.test>"]
)
def test_no_fact_becomes_a_header_or_a_command(post: Post, evil: str) -> None:
    add_way()
    tell(purpose=evil)
    sending.send_due()
    (mail,) = post.mails
    assert mail["Bcc"] is None
    assert mail.get_all("To") == [MAIL]
    assert len(post.recipients) == 1
    assert len(mail["Subject"].splitlines()) == 1


@pytest.mark.parametrize(
    "address",
    ["a@b.test\r\nRCPT TO:<x@y.test>", "a@b.test,c@d.test", "a b@c.test", "李@b.test", "<a@b.test>", '"a\\"b"@c.test', "a@", "@b", "a" * 300 + "@b.test", ""],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(HutongError, match=r"notice\.address"):
        add_way(address)


def test_numbers_of_persons_do_not_leave_the_house(post: Post) -> None:
    add_way()
    tell(purpose="核验 330106199003070018 与 13800138000")
    sending.send_due()
    whole = post.mails[0]["Subject"] + post.mails[0].get_content()
    assert "330106199003070018" not in whole
    assert "13800138000" not in whole
    assert "核验 *** 与 ***" in whole


def test_only_wanted_keys_and_only_what_was_told_since() -> None:
    early = tell("demand.provided")
    add_way(keys=("demand.prov*", "grant.*"))
    add_way("off@housing.test", mode="off")
    wanted = tell("demand.provided")
    tell("demand.accepted")
    tell("demand.provided", department="police")
    sending.send_due()
    assert [one[0] for one in states()] == [wanted]
    assert early not in [one[0] for one in states()]


def test_what_the_server_puts_off_is_tried_again_after_ever_longer_pauses(post: Post) -> None:
    add_way()
    notice = tell()
    post.says["RCPT"] = "451 4.7.1 greylisted, come again notices@housing.test"
    assert sending.send_due().put_off == 1
    assert sending.send_due().put_off == 0  # not due yet
    assert sending.send_due(later(1.1)).put_off == 1
    assert sending.send_due(later(2.5)).put_off == 0
    assert states() == [(notice, "waiting", 2, "notice.postponed SMTP 451 4.7.1")]
    post.says.clear()
    assert sending.send_due(later(5)).sent == 1
    assert states() == [(notice, "sent", 3, None)]
    assert told() == ["demand.provided"]


@pytest.mark.parametrize("command", ["RCPT", "."])
def test_what_is_refused_for_good_has_failed_and_is_told_in_the_portal(post: Post, command: str) -> None:
    add_way()
    notice = tell()
    post.says[command] = f"550 5.1.1 no such user {MAIL}"
    assert sending.send_due().failed == 1
    assert sending.send_due(later(600)).failed == 0
    assert states() == [(notice, "failed", 1, "notice.refused SMTP 550 5.1.1")]  # and not the server's words
    assert told() == ["demand.provided", "notices.failed"]  # which itself is not mailed
    assert post.mails == []


def test_attempts_come_to_an_end(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_ATTEMPTS", "3")
    add_way()
    tell()
    post.says["MAIL"] = post.says["RCPT"] = "452 4.3.1 full"
    for day in range(3):
        sending.send_due(later(day * 1440))
    assert [one[1:3] for one in states()] == [("failed", 3)]
    assert told()[-1] == "notices.failed"


def test_a_server_that_is_down_costs_one_attempt_a_round_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as gone:
        set_mail(monkeypatch, gone.port)
    way = add_way()
    for _ in range(3):
        tell()
    done = sending.send_due()
    assert (done.put_off, done.sent) == (1, 0)
    assert "email" not in done.channels
    assert sorted(one[2] for one in states()) == [0, 0, 1]
    assert way_of(way).failures == 0
    with mail_server() as server:
        set_mail(monkeypatch, server.port)
        assert sending.send_due(later(5)).sent == 3


def test_without_a_server_everything_waits() -> None:
    way = add_way()
    tell()
    assert sending.send_due().channels == {"webhook"}
    assert [one[1:] for one in states()] == [("waiting", 0, None)]
    with pytest.raises(HutongError, match=r"notice\.mail_missing"), transaction("exchange") as session:
        ways.try_out(session, LI, way)


def test_nothing_is_sent_in_clear_when_tls_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_way()
    tell()
    ca_file, tls = certificate(tmp_path)
    with mail_server() as naked:  # offers no STARTTLS
        set_mail(monkeypatch, naked.port, "starttls", ca_file)
        assert sending.send_due().put_off == 1
        assert "notice.unreachable SMTPNotSupportedError" in str(states())
    with mail_server(tls=tls, offers_tls=True, says={"STARTTLS": "454 4.7.0 not now"}) as refusing:
        set_mail(monkeypatch, refusing.port, "starttls", ca_file)
        assert sending.send_due(later(2)).put_off == 1
    with mail_server(tls=tls, offers_tls=True) as stranger:  # its certificate is not trusted
        monkeypatch.delenv("HUTONG_SMTP_CA_FILE")
        set_mail(monkeypatch, stranger.port, "starttls")
        assert sending.send_due(later(6)).put_off == 1
    for post in (naked, refusing, stranger):
        assert post.mails == []
        assert not any(line.startswith(("MAIL", "AUTH")) for line in post.commands)


def test_by_tls_with_a_password_from_a_file_that_no_log_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_way()
    tell()
    ca_file, tls = certificate(tmp_path)
    (tmp_path / "password").write_text("s3cret-word\nmore\n")
    monkeypatch.setenv("HUTONG_SMTP_USER", "hub")
    monkeypatch.setenv("HUTONG_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    with mail_server(tls=tls, offers_tls=True, says={"AUTH": "535 5.7.8 wrong s3cret-word"}) as post:
        set_mail(monkeypatch, post.port, "starttls", ca_file)
        assert sending.send_due().put_off == 1
        post.says.clear()
        assert sending.send_due(later(2)).sent == 1
    assert "s3cret-word" not in caplog.text + str(states()) + repr(mailing.MailSettings())


def test_a_password_never_travels_in_clear(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    add_way()
    tell()
    monkeypatch.setenv("HUTONG_SMTP_USER", "hub")
    assert "email" not in sending.send_due().channels
    assert post.commands == []


SEND = "from exchange_api.noticing import sending; sending.send_due()"


def test_killed_between_sending_and_noting_it_repeats_itself_recognisably(post: Post) -> None:
    add_way()
    tell()
    sender = subprocess.Popen([sys.executable, "-c", SEND], env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    post.on_taken = sender.kill  # the mail is in, the sender never hears of it
    assert sender.wait(120) == -9
    with transaction("exchange") as session:  # waits until the server has noticed the death and let go of the way
        session.scalars(select(NoticeWay).with_for_update()).all()
    assert [one[1] for one in states()] == ["waiting"]
    post.on_taken = None
    assert sending.send_due().sent == 1
    first, second = post.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_several_senders_at_once_send_nothing_twice(post: Post) -> None:
    for number in range(4):
        add_way(f"desk{number}@housing.test")
    for _ in range(5):
        tell()
    start = Barrier(4)

    def send() -> None:
        start.wait()
        sending.send_due()

    senders = [Thread(target=send) for _ in range(4)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    sending.send_due()
    assert len(post.mails) == 20
    assert len({mail["Message-ID"] for mail in post.mails}) == 20
    assert {one[1] for one in states()} == {"sent"}


def test_a_notice_committed_late_is_not_passed_by(post: Post) -> None:
    """Ids are given when a transaction begins to write, and seen when it ends: a cursor over ids would lose this one."""
    from catalog import notices

    add_way()
    with transaction("exchange") as slow:
        notices.notify(slow, "housing", "demand.accepted", {"purpose": "早"})
        slow.flush()
        tell()
        assert sending.send_due().sent == 1
    assert sending.send_due().sent == 1
    assert len(post.mails) == 2


def test_what_waits_too_long_is_dropped_and_told() -> None:
    add_way()
    tell()
    assert sending.send_due().dropped == 0
    assert sending.send_due(later(15 * 1440)).dropped == 1
    assert [one[1] for one in states()] == ["dropped"]
    assert told()[-1] == "notices.dropped"


def test_what_waits_for_a_removed_way_is_dropped_in_silence() -> None:
    way = add_way()
    tell()
    sending.send_due()
    with transaction("exchange") as session:
        ways.remove(session, LI, way)
    assert sending.send_due().dropped == 1
    assert told() == ["demand.provided"]
