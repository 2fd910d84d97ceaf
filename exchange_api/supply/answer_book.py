"""Why: a provider with two hundred open items answers them in a workbook, where whole columns are filled at once. The sheet: one row per need of a task, the
matched item beside it, what may be chosen as drop-down lists; and the same sheet sent back with every error at its cell. Called by pages and
`hutong supply export`; read back by `answer_intake`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.workbook.xlsx import HEADER, LONGEST_TEXT, MARKED, PLAIN, Choice, SheetForm, Value, XlsxWriter, rows_of
from exchange_api.supply import grounds, reading
from schemas.errors import HutongError
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask

SHEET, PROBLEMS = "供给答复 answers", "问题 problems"
DECISIONS = {"confirm": "确认提供", "will_provide": "限期提供", "counter_offer": "替代方案", "refuse": "不予提供"}
FORMS = {"full": "原值", "masked": "脱敏", "yes_no": "是否"}
COLUMNS = {
    "task": ("供给任务 task", 18), "item": ("编号 item", 10), "demander": ("需求部门 for", 24), "name": ("需要的信息项 wanted", 24),
    "note": ("对方说明 note", 28), "wanted_form": ("所需形式 wanted form", 12), "matched": ("匹配的信息项 matched", 32), "due": ("答复期限 due", 14),
    "decision": ("答复 decision", 14), "own": ("提供的信息项 own item", 36), "form": ("提供形式 form", 12), "ground": ("不予提供的依据 ground", 36),
    "department": ("应由哪个部门提供 duty of", 20), "date": ("承诺日期 promised", 14), "reason": ("说明或法条 words", 44),
}  # fmt: skip
"""Key → heading and width; from `decision` on the provider writes."""
PLACES = {key: place for place, key in enumerate(COLUMNS)}
_LIST_LIMIT = 255  # characters Excel allows in a drop-down list


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong in the sheet: row from 1, column by key, what stands there, what is wrong with it."""

    row: int
    column: str
    value: str
    error: HutongError


def grounds_in_words() -> dict[str, str]:
    """Return the grounds of a refusal as the sheet offers them: key → words."""
    return {key: words["zh"] for key, words in grounds.table().items()}


def write(session: Session, department_id: str, file: Path | IO[bytes]) -> int:
    """Write what waits for a department's answer, the most urgent first, one row per need; return how many rows. Reads only."""
    rows = list(_rows(session, department_id))
    with XlsxWriter(file) as book:
        book.sheet(_form(), _whole(rows))
    return len(rows)


def write_report(
    file: Path | IO[bytes], rows: Sequence[tuple[int, Sequence[str]]], troubles: Sequence[Trouble]
) -> None:
    """Write the sheet as it came with wrong cells marked, and a list of what is wrong: row, column, value, problem, remedy in both languages."""
    marks = {(one.row, PLACES.get(one.column, 0)) for one in troubles}
    with XlsxWriter(file) as book:
        book.sheet(_form(), _marked(rows, marks))
        book.sheet(SheetForm(PROBLEMS, (8, 24, 24, 48, 48, 48, 48, 24)), _listed(troubles))


def _form() -> SheetForm:
    offered = {"decision": DECISIONS, "form": FORMS, "ground": grounds_in_words()}
    lists = [
        Choice(PLACES[key], tuple(words.values()), 2)
        for key, words in offered.items()
        if len(",".join(words.values())) <= _LIST_LIMIT
    ]
    return SheetForm(SHEET, [width for _, width in COLUMNS.values()], choices=lists)


def _whole(rows: Sequence[Sequence[Value]]) -> Iterator[list[tuple[Value, int]]]:
    yield [(heading, HEADER) for heading, _ in COLUMNS.values()]
    yield from rows_of(rows)


def _rows(session: Session, department_id: str) -> Iterator[list[Value]]:
    tasks = select(SupplyTask).where(SupplyTask.department_id == department_id, SupplyTask.state == "open")
    short = {row.id: row.short_name for row in session.execute(select(Department.id, Department.short_name))}
    for task in session.scalars(tasks.order_by(SupplyTask.due_date, SupplyTask.id)).all():
        waiting = {one.demand_id for one in reading.shares(session, task.id, ("open",))}
        for need in reading.needs(session, task.id):
            wants = [(item, row) for item, row in need.answers if row.state == "waiting" and item.demand_id in waiting]
            if wants:
                yield _row(session, task, wants, short)


def _row(
    session: Session, task: SupplyTask, wants: list[tuple[DemandItem, SupplyAnswer]], short: dict[str, str]
) -> list[Value]:
    item, answer = wants[0]
    version = session.get_one(ResourceVersion, answer.resource_version_id)
    named = {one["id"]: one["name"] for one in version.document["items"]}
    whose = dict.fromkeys(short[session.get_one(Demand, want.demand_id).department_id] for want, _ in wants)
    matched = f"《{version.document['name']}》{named.get(str(answer.item_id), answer.item_id)}"
    own = f"{version.resource_id}|{answer.item_id}"
    left: list[Value] = [task.id, item.id, "、".join(whose), item.name, item.note, FORMS[item.form], matched]
    return [*left, task.due_date.isoformat(), None, own, FORMS[item.form], None, None, None, None]


def _marked(
    rows: Sequence[tuple[int, Sequence[str]]], marks: set[tuple[int, int]]
) -> Iterator[list[tuple[Value, int]]]:
    expected = 1
    for number, cells in rows:
        while expected < number:  # places stay what they were
            yield []
            expected += 1
        expected += 1
        width = max(len(cells), len(COLUMNS)) if number > 1 else len(cells)
        padded = [*cells, *[""] * (width - len(cells))]
        yield [(text or None, _style(number, place, marks)) for place, text in enumerate(padded)]


def _style(number: int, place: int, marks: set[tuple[int, int]]) -> int:
    if number == 1:
        return HEADER
    return MARKED if (number, place) in marks else PLAIN


def _listed(troubles: Sequence[Trouble]) -> Iterator[list[tuple[Value, int]]]:
    heads = ("行 row", "列 column", "内容 value", "问题", "处理办法", "what is wrong", "remedy", "代码 code")
    yield [(head, HEADER) for head in heads]
    for one in troubles:
        said = [one.error.title("zh"), one.error.remedy("zh"), one.error.title("en"), one.error.remedy("en")]
        cells: list[Value] = [one.row, COLUMNS[one.column][0], one.value, *said, one.error.code]
        yield [(cell[:LONGEST_TEXT] if isinstance(cell, str) else cell, PLAIN) for cell in cells]
