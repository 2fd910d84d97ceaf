"""Why: a filled-in workbook of answers is a provider's word like any form: each row is judged by the desk's own rules before anything is kept, every error at
its cell; with one, nothing is taken, unless the tasks without errors are wished for. The same workbook twice changes nothing. Called by pages and
`hutong supply import`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.workbook.cells import CellError, plain_text
from catalog.workbook.sheets import open_sheets
from exchange_api.actors import Actor
from exchange_api.supply import answering, deciding
from exchange_api.supply.answer_book import COLUMNS, DECISIONS, FORMS, Trouble, grounds_in_words
from exchange_api.supply.answering import TaskAnswer
from exchange_api.supply.deciding import ItemAnswer
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.departments import Department
from schemas.tables.exchange import SupplyAnswer, SupplyTask

MOST = 5_000
_AT = {
    "supply.reason_needed": "reason", "supply.note_needed": "reason", "supply.promise_date": "date", "supply.promise_late": "reason",
    "supply.duty_department": "department", "supply.unknown_item": "own", "supply.not_servable": "own", "supply.offer_same": "own",
}  # fmt: skip
"""Where the desk's refusals stand in the sheet; others stand at the decision."""


@dataclass
class Outcome:
    """What came of a workbook: rows as they stood, tasks answered now, tasks that had the same word already, what is wrong, whether anything was kept."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    """One row as it was filled in: its number and its cells by column."""

    number: int
    cells: Mapping[str, str]

    def trouble(self, column: str, error: HutongError) -> Trouble:
        return Trouble(self.number, column, self.cells.get(column, ""), error)


def take_in(session: Session, actor: Actor, path: Path, *, partial: bool = False) -> Outcome:
    """Answer the tasks of a filled-in workbook, each whole; rows without a decision say nothing. partial: keep the tasks without errors.

    Raises Invalid `workbook.*` for a file that cannot be read, `supply.no_answer_sheet`; Denied `case.role_needed`.
    """
    actor.require("provider")
    outcome = Outcome()
    lines = _lines(path, outcome)
    given = _judged_words(session, actor, lines, outcome)
    wrong = {one.row for one in outcome.troubles}
    broken = {line.cells.get("task", "") for line in lines if line.number in wrong}
    if outcome.troubles and not partial:
        outcome.left = sorted(given.keys() | broken)
        return outcome
    outcome.left = sorted(broken)
    for task, rows in sorted(given.items()):
        if task not in broken:
            _answer(session, actor, (task, rows), outcome)
    return outcome


def _answer(session: Session, actor: Actor, said: tuple[str, list[tuple[_Line, ItemAnswer]]], outcome: Outcome) -> None:
    task, rows = said
    try:
        with session.begin_nested():
            answers = tuple(word for _, word in rows)
            answering.answer_many(session, actor, [TaskAnswer(task=task, answers=answers)])
    except (Invalid, Denied) as error:
        session.expire_all()
        outcome.left.append(task)
        outcome.troubles.append(rows[0][0].trouble("decision", error))
    else:
        outcome.taken.append(task)


def _lines(path: Path, outcome: Outcome) -> list[_Line]:
    for sheet in open_sheets(path):
        rows = sheet.rows()
        head = next(rows, None)
        if head is None or not {"task", "item", "decision"} <= (known := _placed(head.cells)).keys():
            continue
        outcome.rows.append((head.number, [str(cell) for cell in head.cells]))
        found: list[_Line] = []
        for row in rows:
            if len(found) >= MOST:
                raise Invalid("supply.too_many_rows", file=path.name, limit=MOST)
            line = _line(row.number, row.cells, known, outcome)
            outcome.rows.append((row.number, [line.cells.get(key, "") for key in COLUMNS]))
            hidden = {place for place in range(1, len(row.cells) + 1) if (row.number, place) in sheet.beside.formulas}
            for key in [key for key, place in known.items() if place + 1 in hidden]:
                problem = Invalid("supply.row_value", column=COLUMNS[key][0], value="=…")
                outcome.troubles.append(line.trouble(key, problem))
            found.append(line)
        return found
    raise Invalid("supply.no_answer_sheet", file=path.name)


def _placed(cells: Sequence[Any]) -> dict[str, int]:
    headings = {heading: key for key, (heading, _) in COLUMNS.items()}
    return {headings[str(cell).strip()]: place for place, cell in enumerate(cells) if str(cell).strip() in headings}


def _line(number: int, cells: Sequence[Any], known: Mapping[str, int], outcome: Outcome) -> _Line:
    said: dict[str, str] = {}
    for key, place in known.items():
        cell = cells[place] if place < len(cells) else ""
        try:
            said[key] = plain_text(cell.date() if isinstance(cell, datetime) else cell)
        except CellError:
            said[key] = str(cell)
            problem = Invalid("supply.row_value", column=COLUMNS[key][0], value=str(cell))
            outcome.troubles.append(Trouble(number, key, str(cell), problem))
    return _Line(number, said)


class _WrongCellError(Exception):
    """A cell that cannot be understood: its column and what is wrong."""

    def __init__(self, column: str, error: HutongError) -> None:
        super().__init__(column)
        self.column, self.error = column, error


def _judged_words(
    session: Session, actor: Actor, lines: Iterable[_Line], outcome: Outcome
) -> dict[str, list[tuple[_Line, ItemAnswer]]]:
    """Return the words by task, each judged by the desk; what was said so before is set aside, what is wrong goes to the outcome."""
    departments = {row.short_name: row.id for row in session.execute(select(Department.id, Department.short_name))}
    found: dict[str, list[tuple[_Line, ItemAnswer]]] = {}
    blank: list[_Line] = []
    for line in lines:
        if not line.cells.get("decision"):
            blank.append(line)
            continue
        try:
            row = _row(session, actor, line)
            word = _word(line, departments)
            if row.state != "waiting" and row.decision == word.decision:
                outcome.unchanged.append(row.task_id)
                continue
            _judge(session, actor, row, word)
        except _WrongCellError as wrong:
            outcome.troubles.append(line.trouble(wrong.column, wrong.error))
        else:
            found.setdefault(row.task_id, []).append((line, word))
    outcome.unchanged = sorted(set(outcome.unchanged))
    for line in blank:  # a task is answered whole, or not yet
        if line.cells.get("task") in found:
            missing = Invalid("supply.answer_missing", items=line.cells.get("name", ""))
            outcome.troubles.append(line.trouble("decision", missing))
    return found


def _row(session: Session, actor: Actor, line: _Line) -> SupplyAnswer:
    """Return the answer that a row speaks of; another department's looks like none."""
    number = line.cells.get("item", "")
    wanted = int(number) if number.isascii() and number.isdecimal() and len(number) < 12 else 0
    query = (
        select(SupplyAnswer)
        .join(SupplyTask, SupplyTask.id == SupplyAnswer.task_id)
        .where(SupplyAnswer.task_id == line.cells.get("task", ""), SupplyAnswer.demand_item_id == wanted)
        .where(SupplyTask.department_id == actor.department_id)
    )
    if (row := session.scalar(query)) is None:
        raise _WrongCellError(
            "item", Invalid("supply.row_unknown", task=line.cells.get("task", "") or "-", item=number or "-")
        )
    return row


def _word(line: _Line, departments: Mapping[str, str]) -> ItemAnswer:
    decision = _key(line, "decision", DECISIONS)
    given: dict[str, Any] = {
        "demand_item_id": int(line.cells["item"]),
        "decision": decision,
        "reason": line.cells.get("reason") or None,
    }
    if decision in ("confirm", "counter_offer"):
        given["resource_id"], _, given["item_id"] = line.cells.get("own", "").partition("|")
        given["form"] = _key(line, "form", FORMS) if line.cells.get("form") else None
    if decision == "will_provide":
        given["promised_date"] = _day(line)
    if decision == "refuse":
        given["ground"] = _key(line, "ground", grounds_in_words()) if line.cells.get("ground") else None
        given["department"] = (
            _key(line, "department", {v: k for k, v in departments.items()}) if line.cells.get("department") else None
        )
    try:
        return ItemAnswer.model_validate({name: value or None for name, value in given.items()})
    except ValidationError as error:
        column = {"reason": "reason", "item_id": "own", "resource_id": "own"}.get(
            str(error.errors()[0]["loc"][0]), "decision"
        )
        raise _wrong(line, column) from error


def _key(line: _Line, column: str, words: Mapping[str, str]) -> str:
    said = line.cells.get(column, "")
    for key, word in words.items():
        if said in (key, word):
            return key
    raise _wrong(line, column)


def _day(line: _Line) -> date | None:
    text = line.cells.get("date", "").replace("/", "-").replace(".", "-")
    try:
        return date.fromisoformat("-".join(part.zfill(2) for part in text.split("-"))) if text else None
    except ValueError:
        raise _wrong(line, "date") from None


def _wrong(line: _Line, column: str) -> _WrongCellError:
    return _WrongCellError(
        column, Invalid("supply.row_value", column=COLUMNS[column][0], value=line.cells.get(column, "")[:100])
    )


def _judge(session: Session, actor: Actor, row: SupplyAnswer, word: ItemAnswer) -> None:
    """Ask the desk's own rules what they say to a word, and keep nothing of it."""
    asked = session.begin_nested()
    try:
        deciding.decide(session, actor, row, word)
    except (Invalid, Denied) as error:
        raise _WrongCellError(_AT.get(error.code, "decision"), error) from error
    finally:
        asked.rollback()
        session.expire(row)
