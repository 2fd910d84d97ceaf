"""Recalls and objections from a shell: opened, listed, shown, answered; nothing that names a person is printed unasked."""

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer import Typer
from typer.testing import CliRunner

from exchange_api import officers
from hutong.commands import objection, recall
from schemas.errors import HutongError
from tests.exchange_api.recalling import Hub

REASON = "当事人说不对"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


def run(app: Typer, *typed: str, said: str | None = None) -> str:
    done = CliRunner().invoke(app, typed, input=said, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def raised(hub: Hub, person: str) -> str:
    form: dict[str, Any] = {"receipt": hub.query([person]), "subject": person, "attribute": "name", "reason": REASON}
    return str(hub.ask(form, "/v1/objections")[1]["objection"])


def test_a_recall_is_opened_listed_and_shown(hub: Hub) -> None:
    person = hub.site.people[35]
    batch = hub.wrong_batch([person])
    hub.query([person])
    retraction = str(hub.retract(batch, [person], "name"))
    opened = run(recall.app, "open", retraction)
    number = opened.split()[0]
    assert "1 recipients, 1 receipts" in opened
    assert run(recall.app, "open", retraction) == opened
    assert number not in run(recall.app, "open")
    (line,) = [one for one in run(recall.app, "list").splitlines() if one.startswith(number)]
    assert "来源系统错列" in line
    shown = run(recall.app, "show", number)
    assert "housing.desk" in shown
    assert "已通知 notified" in shown
    assert person not in shown
    assert number not in run(recall.app, "follow")
    with pytest.raises(HutongError, match=r"recall\.unknown"):
        run(recall.app, "show", "ZH-1999-000001")


def test_an_objection_is_answered_from_a_shell(hub: Hub) -> None:
    person = hub.site.people[36]
    number = raised(hub, person)
    assert number in run(objection.app, "list", "--department", "public_security")
    quiet, clear = run(objection.app, "show", number), run(objection.app, "show", number, "--reveal")
    assert person not in quiet
    assert REASON not in quiet
    assert person in clear
    assert REASON in clear
    assert "correcting" in run(objection.app, "answer", number, "corrected")
    assert "refused" in run(objection.app, "answer", number, "value_confirmed", "--note", "已核档")
    with pytest.raises(HutongError, match=r"case\.wrong_state"):
        run(objection.app, "answer", number, "corrected")
    assert number not in run(objection.app, "list")
    assert number in run(objection.app, "list", "--all")
    assert number not in run(objection.app, "follow")


def test_only_officers_of_the_source_answer(hub: Hub) -> None:
    number = raised(hub, hub.site.people[37])
    with Session(hub.site.engine) as session:
        officers.add(session, "zhou", "周", "housing", ["provider", "demander"])
        session.commit()
    for officer, code in (("zhou", r"case\.not_yours"), ("nobody", r"officer\.unknown")):
        with pytest.raises(HutongError, match=code):
            run(objection.app, "answer", number, "value_confirmed", "--as", officer)
    assert "withdrawn" in run(objection.app, "withdraw", number, "--as", "zhou")


def test_an_officer_objects_and_the_code_stands_in_no_argument(hub: Hub) -> None:
    person = hub.site.people[38]
    with Session(hub.site.engine) as session:
        officers.add(session, "sun", "孙", "housing", ["demander"])
        session.commit()
    typed = ["raise", "population.name", "--reason", REASON, "--as", "sun"]
    said = run(objection.app, *typed, said=f"{person}\n")
    assert "public_security" in said
    assert person not in said
    assert json.dumps(person) not in run(objection.app, "list")
