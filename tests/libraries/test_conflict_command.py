"""A steward goes through what sources contradict each other on, decides, and takes back, from a shell; nobody's values show unasked."""

import re
from typing import Any

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from catalog import deadlines, notices
from hutong.commands.conflict import app
from hutong.commands.identity import app as identity
from libraries import ingest
from libraries.disputing import tickets
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from schemas.tables.operations import Notice
from tests.libraries.conftest import RESIDENT, citizen_ids, resident

INSURED = RESIDENT | {
    "id": "human_resources.insured", "name": "参保人员信息", "department": "human_resources", "code": "101001/330199000002",
    "source": {**RESIDENT["source"], "options": {"table": "insured"}},
}  # fmt: skip
SAID = ("--reason", "核对了户籍底档", "--by", "王管家")
ONE, TWO, THREE = citizen_ids(3)


def told(*arguments: str, of: Any = app) -> str:
    found = CliRunner().invoke(of, list(arguments), env={"COLUMNS": "220"})
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


def refused(*arguments: str, of: Any = app) -> str:
    found = CliRunner().invoke(of, list(arguments))
    assert isinstance(found.exception, HutongError), found.output
    return found.exception.code


def deliver(hub: Any, run: str, insured: list[dict[str, Any]]) -> None:
    hub.fill(insured, table="insured")
    ingest.ingest(INSURED["id"], run)


@pytest.fixture
def disputed(hub: Any) -> Any:
    """Two departments that contradict each other on two names, and on how a phone is written."""
    with transaction() as session:
        deadlines.seed_rules(session)
        session.execute(delete(Notice))
    hub.publish()
    hub.publish(INSURED)
    hub.fill([resident(ONE, "张伟"), resident(TWO, "李娜"), resident(THREE, "王芳")])
    ingest.ingest(RESIDENT["id"], "r1")
    deliver(hub, "r1", [resident(ONE, "章维"), resident(TWO, "黎娜"), resident(THREE, "王 芳")])
    return hub


def number(attribute: str = "name") -> str:
    """The gravest open conflict on an attribute, as the list numbers it."""
    found = re.findall(r"^(\d+) ", told("list", "--of", f"population.{attribute}"), re.MULTILINE)
    return str(found[0])


def standing() -> dict[str, tuple[str, int]]:
    with transaction("reader") as session:
        return {one.department_id: (one.state, one.conflicts) for one in tickets.find(session, closed=True)}


def test_the_list_tells_kind_and_values_masked(disputed: Any) -> None:  # noqa: ARG001
    shown = told("list", "--of", "population")
    assert shown.count("实质 substantive") == 2
    assert shown.count("写法 format") == 1
    assert "张*" in shown
    assert "张伟" not in shown
    assert ONE not in shown
    assert "substantive" not in told("list", "--kind", "format")
    assert "format" not in told("list", "--from", "60")
    one = number()
    assert ONE[-1:] in told("show", one)
    assert "张*" in told("show", one) or "李*" in told("show", one)
    assert "张伟" in told("show", one, "--reveal") or "李娜" in told("show", one, "--reveal")


def test_grave_ones_are_put_to_both_departments_once_and_closed_by_agreement(disputed: Any) -> None:
    assert standing() == {"public_security": ("open", 2), "human_resources": ("open", 2)}
    with transaction() as session:
        (notice,) = notices.find(session, "human_resources")
        assert (notice.key, notice.facts["count"], notice.facts["library"]) == ("conflict.ticket_opened", 2, "人口库")
        assert notice.facts["due"] != "—"
    ticket = re.findall(r"^(\d+) +human_resources", told("tickets"), re.MULTILINE)[0]
    assert "answered" in told("answer", ticket, "--note", "正在核实")
    deliver(disputed, "r2", [resident(ONE, "张伟"), resident(TWO, "黎娜"), resident(THREE, "王 芳")])
    assert standing() == {"public_security": ("open", 1), "human_resources": ("answered", 1)}
    ingest.publish(disputed.one("SELECT id FROM landing.batches ORDER BY number DESC LIMIT 1"))
    assert standing() == {"public_security": ("open", 1), "human_resources": ("answered", 1)}
    deliver(disputed, "r3", [resident(ONE, "章维"), resident(TWO, "黎娜"), resident(THREE, "王 芳")])
    assert standing() == {"public_security": ("open", 2), "human_resources": ("open", 2)}
    deliver(disputed, "r4", [resident(ONE, "张伟"), resident(TWO, "李娜"), resident(THREE, "王 芳")])
    assert standing() == {"public_security": ("closed", 0), "human_resources": ("closed", 0)}
    with transaction() as session:
        assert len(notices.find(session, "human_resources")) == 1
    assert refused("answer", ticket, "--note", "x") == "conflict.ticket_closed"
    assert refused("answer", "999", "--note", "x") == "conflict.unknown_ticket"


def test_the_threshold_is_a_setting(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_CONFLICT_TICKETS_FROM", "101")
    hub.publish()
    hub.publish(INSURED)
    hub.fill([resident(ONE, "张伟")])
    ingest.ingest(RESIDENT["id"], "r1")
    deliver(hub, "r1", [resident(ONE, "章维")])
    assert standing() == {}
    assert number()


def test_a_conflict_is_settled_by_a_sources_word_and_opened_again(disputed: Any) -> None:
    one = number()
    told("settle", one, "--take", INSURED["id"], *SAID)
    assert standing()["public_security"] == ("open", 1)
    assert "ruled 已裁定" in told("show", one)
    (ruling,) = re.findall(r"^(\d+) ", told("rulings"), re.MULTILINE)
    assert "王管家" in told("rulings", "--library", "population")
    taken = disputed.one("SELECT value FROM library.rulings")
    assert taken not in told("rulings")
    assert taken in disputed.rows("SELECT name FROM library.population")[0].values() or taken in ("章维", "黎娜")
    told("withdraw", ruling, "--reason", "底档有误", "--by", "王管家")
    assert standing()["public_security"] == ("open", 2)
    assert "底档有误" in told("show", one)
    assert "open 未决" in told("show", one)


def test_a_record_is_ruled_by_its_key(disputed: Any) -> None:
    told("rule", "population", ONE, "--set", "name=章惟", "--set", "sex=1", *SAID)
    assert disputed.rows("SELECT name FROM library.population WHERE subject = :id", id=ONE) == [{"name": "章惟"}]


def test_what_is_asked_wrongly_is_refused_by_name(disputed: Any) -> None:  # noqa: ARG001
    one = number()
    assert refused("settle", one, *SAID) == "conflict.one_word"
    assert refused("settle", one, "--take", "x.y", *SAID) == "conflict.not_a_party"
    assert refused("settle", "999", "--value", "x", *SAID) == "conflict.unknown"
    assert refused("rule", "population", ONE, "--set", "name", *SAID) == "conflict.not_an_assignment"
    assert refused("show", "999") == "conflict.unknown"
    assert refused("rule", "population", ONE, "--set", "name=x", "--reason", " ", "--by", "王") == "decision.no_grounds"


def test_identity_changes_are_linked_listed_masked_and_taken_back(disputed: Any) -> None:  # noqa: ARG001
    assert "link 关联 1" in told("link", "population", ONE, TWO, *SAID, of=identity)
    assert "link 关联 1" in told("link", "population", ONE, TWO, *SAID, of=identity)
    shown = told("list", of=identity)
    assert ONE not in shown
    assert "王管家" in shown
    assert ONE in told("list", "--reveal", of=identity)
    assert refused("link", "population", TWO, ONE, *SAID, of=identity) == "identity.cycle"
    told("unlink", "1", "--reason", "登记有误", "--by", "王管家", of=identity)
    assert "王管家" not in told("list", of=identity)
    assert "登记有误" in told("list", "--all", of=identity)


def test_refusals_hold_no_personal_data(disputed: Any) -> None:  # noqa: ARG001
    for wrong, kind in ((("population", ONE, "1"), Invalid), (("population", ONE, ONE), Invalid)):
        found = CliRunner().invoke(identity, ["link", *wrong, *SAID])
        assert isinstance(found.exception, kind | Terminal)
        assert ONE not in str(found.exception)
