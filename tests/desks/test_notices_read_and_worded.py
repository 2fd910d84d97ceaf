"""A notice is words wherever it is met, and what was read is read; each department's are its own business."""

from string import printable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from typer import Typer
from typer.testing import CliRunner

from catalog import notices
from exchange_api.noticing import kinds, links, reading, wording
from exchange_api.portal.words import NOTICE
from hutong.commands import notices as command
from schemas.errors import Denied, HutongError, Language
from tests.desks.conftest import HOUSING, POLICE
from tests.desks.outgoing import LI, add_way, hub, hub_url, tell, way_of

__all__ = ["hub", "hub_url"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@pytest.mark.parametrize("key", [*NOTICE, "nobody.knows", "x", ""])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_has_words_with_facts_or_without(key: str, language: Language) -> None:
    bare = wording.say_outside(key, {}, language)
    assert bare
    assert "%(" not in bare
    full = wording.say_outside(key, dict.fromkeys(("purpose", "due", "count", "way"), "甲"), language)
    assert "\n" not in full
    assert language == "zh" or not key or NOTICE.get(key) != full


@given(
    st.text(st.sampled_from(printable + "需求\u202e\u2028\x00\U000e0001"), max_size=400),
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())), max_size=4
    ),
    st.sampled_from([*NOTICE, "a.b"]),
)
def test_no_facts_whatever_break_a_notice(purpose: str, facts: dict[str, object], key: str) -> None:
    said = wording.say_outside(key, facts | {"purpose": purpose})
    assert 0 < len(said) <= wording.LONGEST
    assert said.isprintable() or all(one.isprintable() or one == " " for one in said.replace("\u3000", " "))


def test_kinds_and_severities_sort_notices() -> None:
    assert {kinds.kind_of(key) for key in NOTICE} <= set(kinds.KINDS)
    assert kinds.severity_of("objection.overdue") == "urgent"
    assert kinds.severity_of("task.opened") == "action"
    assert kinds.severity_of("demand.closed") == "info"
    assert kinds.kind_word("no.such", "en") == "Other"


@pytest.mark.parametrize(
    ("key", "facts", "demand", "path"),
    [
        ("demand.provided", {}, "XQ-2026-000001", "/portal/demands/XQ-2026-000001"),
        ("task.opened", {"task": "RW-2026-000001"}, "XQ-2026-000001", "/portal/tasks/RW-2026-000001"),
        ("version.published", {"resource": "civil.marriage"}, None, "/portal/resources/civil.marriage"),
        ("demand.provided", {"demand": "../../evil?x"}, None, "/portal/demands/..%2F..%2Fevil%3Fx"),
        ("objection.raised", {"objection": "YY-2026-000001"}, None, "/portal/objections/YY-2026-000001"),
        ("supervision.objection_filed", {"objection": "7"}, None, "/portal/supervision/objections/7"),
        ("credit.orphans", {"resource": "一份资源"}, None, "/portal/"),
    ],
)
def test_a_notice_leads_to_its_page(key: str, facts: dict[str, str], demand: str | None, path: str) -> None:
    assert links.path_of(key, facts, demand) == path


def _told(town: Session, department: str, number: int) -> list[int]:
    for _ in range(number):
        notices.notify(town, department, "demand.provided", {"purpose": "p"})
    town.flush()
    return [one.id for one in reversed(notices.find(town, department))]


def test_an_officer_reads_some_then_all(town: Session) -> None:
    first, second, third = _told(town, "housing", 3)
    assert reading.unread(town, HOUSING) == 3
    assert reading.read(town, HOUSING, [first]) == 1
    assert reading.read(town, HOUSING, [first]) == 0
    assert [one.id for one in notices.find(town, "housing", unread_only=True)] == [third, second]
    assert reading.read_all(town, HOUSING, up_to=second) == 1
    assert reading.read_all(town, HOUSING) == 1
    assert reading.unread(town, HOUSING) == 0


def test_another_departments_notices_are_not_ones_own(town: Session) -> None:
    (mine,) = _told(town, "housing", 1)
    (theirs,) = _told(town, "public_security", 1)
    for ids in ([theirs], [mine, theirs], [mine, 999_999_999]):
        with pytest.raises(Denied, match=r"case\.not_yours"):
            reading.read(town, HOUSING, ids)
    assert (reading.unread(town, HOUSING), reading.unread(town, POLICE)) == (1, 1)


def run(*typed: str) -> str:
    app: Typer = command.app
    done = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("hub")
def test_from_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", "https://oa.test")
    notice = tell()
    assert "授权已生成" in run("list", "housing")
    assert "Grants made: 核验户籍" in run("list", "housing", "--language", "en")
    assert "未读 1 条" in run("list", "housing", "--unread")
    with pytest.raises(HutongError, match=r"case\.not_yours"):
        run("read", "police", "--as", "li")
    assert "已读 1 条" in run("read", "housing", str(notice), "--as", "li")
    way = run("add-way", "housing", "desk@housing.test", "--keys", "demand.*", "--digest", "9", "--as", "li").split()[0]
    again = run("add-way", "housing", "desk@housing.test", "--digest", "10").split()[0]
    assert way == again
    assert way_of(int(way)).digest_hour == 10
    run("add-way", "housing", "https://oa.test/hub?token=s3cret")
    listed = run("ways")
    assert "desk@housing.test" in listed
    assert "webhook oa.test" in listed
    assert "s3cret" not in listed
    with pytest.raises(HutongError, match=r"notice\.mail_missing"):
        run("test-way", way)
    assert "失败 0" in run("send-due")
    run("remove-way", way, "--as", "li")
    with pytest.raises(HutongError, match=r"notice\.unknown_way"):
        run("remove-way", way)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"mode": "weekly"}, "notice.way_value"), ({"language": "fr"}, "notice.way_value"), ({"keys": ()}, "notice.way_value"),
        ({"keys": ("*; drop",)}, "notice.way_value"), ({"digest_hour": 24}, "notice.way_value"), ({"officer_id": "wang"}, "case.not_yours"),
    ],
)  # fmt: skip
def test_a_way_that_cannot_be_is_refused(how: dict[str, Any], code: str) -> None:
    with pytest.raises(HutongError) as refused:
        add_way(**how)
    assert refused.value.code == code


@pytest.mark.usefixtures("hub")
def test_a_department_sets_only_its_own_ways() -> None:
    from exchange_api.actors import Actor
    from exchange_api.noticing import ways
    from schemas.database import transaction

    way, wang = add_way(officer_id=LI.id), Actor("wang", "police", frozenset({"provider"}))
    for step in (ways.remove, ways.try_out):
        with pytest.raises(Denied, match=r"case\.not_yours"), transaction("exchange") as session:
            step(session, wang, way)
    with pytest.raises(Denied, match=r"case\.not_yours"), transaction("exchange") as session:
        ways.add(session, wang, "housing", ways.WayForm("email", "wang@police.test"))
