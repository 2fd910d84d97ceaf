"""Why: a provider sees what it is asked, answers, asks back and keeps its promises from a shell too. Called by `hutong supply`; the desk is
exchange_api.supply.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api.demand import information
from exchange_api.supply import answer_book, answer_intake, grounds, promises, supplies
from exchange_api.supply.deciding import Form
from exchange_api.supply.supplies import ItemAnswer, Offered, Refusal, TaskAnswer
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas import yaml_data
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What providers are asked, and their word on it. 供给任务"
)
TASK = {"open": "待答复 open", "answered": "已答复 answered", "cancelled": "已取消 cancelled"}
SHARE = {
    "open": "待答复 open",
    "needs_information": "待补充说明 needs information",
    "answered": "已答复 answered",
    "withdrawn": "已退出 withdrawn",
}
ANSWER = {
    "waiting": "待答复 waiting", "confirmed": "已确认 confirmed", "promised": "限期提供 promised", "offered": "替代方案 offered",
    "refused": "不予提供 refused", "declined": "未采纳 declined", "cancelled": "已取消 cancelled",
}  # fmt: skip
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Number, e.g. GJ-2026-000001. 任务编号")]
AnswerId = Annotated[int, typer.Argument(metavar="ANSWER", help="Number of the promised item (supply show). 答复编号")]
OneDemand = Annotated[str | None, typer.Option("--demand", help="Only for this demand of the task. 只答复该需求")]
FILE = "YAML or JSON"


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Asked of it. 数源部门")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Answered ones too. 包括已办结的")] = False,
) -> None:
    """List supply tasks, the most urgent first. 列出供给任务"""
    table = plain_table("task 任务", "state 状态", "department 部门", "demands 需求", "items 信息项", "due 期限")
    with transaction("reader") as session:
        for one in supplies.tasks_of(session, department_id=department):
            if everything or one.state == "open":
                table.add_row(*_row(session, one))
    print_table(table)


@app.command()
def show(task_id: TaskId) -> None:
    """Show one task: who asks for what, and what was said. 查看供给任务"""
    with transaction("reader") as session:
        task = supplies.get_task(session, task_id)
        typer.echo(f"{task.id}  {TASK[task.state]}  {task.department_id}  期限 due {task.due_date}{_late(task)}")
        for share in supplies.shares(session, task_id):
            demand = session.get_one(Demand, share.demand_id)
            typer.echo(f"{demand.id}  {demand.department_id}  {SHARE[share.state]}  {demand.purpose}")
            if share.terms:
                typer.echo(f"    条件 terms {' '.join(f'{name}={value}' for name, value in share.terms.items())}")
            for row in supplies.answers_of(session, task_id):
                item = session.get_one(DemandItem, row.demand_item_id)
                if item.demand_id == demand.id:
                    typer.echo(f"    {_line(row, item)}")


@app.command()
def answer(
    task_id: TaskId,
    file: Annotated[
        Path | None,
        typer.Option("--file", help=f"{FILE}: answers, and terms by demand. 答复文件", exists=True, dir_okay=False),
    ] = None,
    confirm: Annotated[bool, typer.Option("--all-confirm", help="Confirm whatever waits. 全部确认")] = False,
    demand: OneDemand = None,
    acting: Acting = None,
) -> None:
    """Answer one task, item by item from a file or by confirming everything; equal items of other demands get the same word. 答复供给任务"""
    if confirm == (file is not None):
        raise typer.BadParameter("--file or --all-confirm, one of them / --file 与 --all-confirm 须选其一")
    with transaction("exchange") as session:
        actor = actor_of(session, acting, supplies.get_task(session, task_id).department_id, "provider")
        given = _read(file, task_id)[0] if file else _all(session, task_id)
        if demand:
            given = given.model_copy(update={"demand": demand})
        supplies.answer_many(session, actor, [given])
        told = _told(session, [task_id])
    _echo(told)


@app.command()
def bulk(
    file: Annotated[
        Path, typer.Argument(help=f"{FILE}: a list of tasks with answers. 批量答复文件", exists=True, dir_okay=False)
    ],
    acting: Acting = None,
) -> None:
    """Answer several tasks of one department in one step: all of them or, when one is wrong, none. 批量答复"""
    given = _read(file)
    with transaction("exchange") as session:
        actor = actor_of(session, acting, supplies.get_task(session, given[0].task).department_id, "provider")
        supplies.answer_many(session, actor, given)
        told = _told(session, [one.task for one in given])
    _echo(told)


@app.command("export")
def export(
    department: Annotated[str, typer.Argument(help="Whose open items. 数源部门")],
    out: Annotated[Path, typer.Option("--out", help="XLSX file to write. 输出文件", dir_okay=False)],
) -> None:
    """Write what waits for a department's answer as a workbook to fill in. 导出待答复工作簿"""
    part = out.with_name(f".{out.name}.part")
    try:
        with transaction("reader") as session:
            rows = answer_book.write(session, departments.get(session, department).id, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{out}  {rows} 行 rows")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Filled-in workbook. 填好的工作簿", dir_okay=False)],
    department: Annotated[str, typer.Option("--department", help="Who answers. 数源部门")],
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the tasks without errors. 采纳没有错误的任务")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the workbook back, marked. 标注错误的工作簿", dir_okay=False)
    ] = None,
    acting: Acting = None,
) -> None:
    """Answer tasks from a filled-in workbook; with any error nothing is taken unless --partial. 导入供给答复"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, departments.get(session, department).id, "provider")
        done = answer_intake.take_in(session, actor, file, partial=partial)
        told = _told(session, done.taken)
    if report and done.troubles:
        answer_book.write_report(report, done.rows, done.troubles)
    _echo(told)
    for one in done.troubles:
        heading = answer_book.COLUMNS[one.column][0]
        typer.echo(f"{one.row} 行 row  {heading}  {one.error.title('zh')}  {one.error.title('en')}", err=True)
    typer.echo(
        f"已答复 answered {len(done.taken)}  此前已答复 unchanged {len(done.unchanged)}  未采纳 left {len(done.left)}  错误 errors {len(done.troubles)}"
    )
    if done.troubles:
        raise typer.Exit(1)


@app.command()
def ask(
    task_id: TaskId,
    demand_id: Annotated[str, typer.Argument(metavar="DEMAND", help="The demand that is unclear. 需求编号")],
    question: Annotated[str, typer.Argument(help="What must be known first. 需补充说明的内容")],
    acting: Acting = None,
) -> None:
    """Ask a demander something before answering; the clock stands still until it is told. 要求补充说明"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, supplies.get_task(session, task_id).department_id, "provider")
        asked = information.ask(session, actor, task_id, demand_id, question)
    typer.echo(f"{asked.id}  {demand_id}  已询问 asked")


@app.command()
def fulfil(
    answer_id: AnswerId,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="The published resource. 已发布资源标识")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Its item. 信息项标识")],
    form: Annotated[str | None, typer.Option(help="full | masked | yes_no; default as wanted. 提供形式")] = None,
    acting: Acting = None,
) -> None:
    """Keep a promise with an item that is published now; the grant follows. 兑现限期提供"""
    with transaction("exchange") as session:
        row = promises.fulfil(
            session, actor_of(session, acting, _department(session, answer_id), "provider"), answer_id,
            Offered(resource_id=resource, item_id=item, form=_form(form)),
        )  # fmt: skip
        line = _line(row, session.get_one(DemandItem, row.demand_item_id))
    typer.echo(line)


@app.command("give-up")
def give_up(
    answer_id: AnswerId,
    ground: Annotated[str, typer.Option(help=f"One of {', '.join(grounds.table())}. 依据")],
    reason: Annotated[str, typer.Option(help="Words beside it; the cited law. 说明或法律条文")] = "",
    department: Annotated[str | None, typer.Option(help="Who should have it. 应负责的部门")] = None,
    acting: Acting = None,
) -> None:
    """Take a promise back, on a ground that a refusal would need. 放弃限期提供"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, _department(session, answer_id), "provider")
        row = promises.give_up(session, actor, answer_id, Refusal(ground, reason, department))
        line = _line(row, session.get_one(DemandItem, row.demand_item_id))
    typer.echo(line)


@app.command("grounds")
def grounds_() -> None:
    """List the grounds on which an item may be refused. 不予提供的依据"""
    table = plain_table("ground 依据", "中文", "English")
    for key, words in grounds.table().items():
        table.add_row(key, words["zh"], words["en"])
    print_table(table)


def _row(session: Session, task: SupplyTask) -> tuple[str, ...]:
    demands = "、".join(share.demand_id for share in supplies.shares(session, task.id))
    items = dict.fromkeys(
        supplies.wanted_name(session, row.demand_item_id) for row in supplies.answers_of(session, task.id)
    )
    return (
        task.id,
        TASK[task.state] + _late(task),
        task.department_id,
        demands,
        "、".join(items),
        task.due_date.isoformat(),
    )


def _late(task: SupplyTask) -> str:
    return " · 超期 overdue" if task.state == "open" and task.due_date < today() else ""


def _line(row: SupplyAnswer, item: DemandItem) -> str:
    own = f"{(row.resource_version_id or '-').partition('@')[0]}.{row.item_id or '-'}"
    more = [
        own,
        row.form,
        f"至 by {row.promised_date}" if row.promised_date else "",
        grounds.in_words(row.ground),
        row.reason or "",
    ]
    return f"#{row.id} [{item.id}] {item.name}  {ANSWER[row.state]}  {'  '.join(one for one in more if one)}"


def _told(session: Session, task_ids: list[str]) -> list[str]:
    lines = []
    for task_id in dict.fromkeys(task_ids):
        lines.append(f"{task_id}  {TASK[supplies.get_task(session, task_id).state]}")
        for share in supplies.shares(session, task_id):
            lines.append(f"  {share.demand_id}  {SHARE[share.state]}  {session.get_one(Demand, share.demand_id).state}")
    return lines


def _echo(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


def _all(session: Session, task_id: str) -> TaskAnswer:
    rows = [row for row in supplies.answers_of(session, task_id) if row.state == "waiting"]
    words = tuple(ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in rows)
    return TaskAnswer(task=task_id, answers=words)


def _read(file: Path, task_id: str | None = None) -> list[TaskAnswer]:
    """Return the answers of a file: one task or a list of them. Raises Invalid `supply.file_unreadable`."""
    try:
        read: Any = yaml_data.parse(file.read_text("utf-8-sig"))
        many = read if isinstance(read, list) else [read]
        return [TaskAnswer.model_validate(({"task": task_id} if task_id else {}) | one) for one in many or ["-"]]
    except ValidationError as error:
        problems = "；".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise Invalid("supply.file_unreadable", file=file.name, problems=problems) from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise Invalid("supply.file_unreadable", file=file.name, problems="YAML / JSON") from error


def _department(session: Session, answer_id: int) -> str:
    row = session.get(SupplyAnswer, answer_id)
    if row is None:
        raise Invalid("case.unknown", case=f"answer:{answer_id}")
    return supplies.get_task(session, row.task_id).department_id


def _form(given: str | None) -> Form | None:
    forms: dict[str, Form] = {"full": "full", "masked": "masked", "yes_no": "yes_no"}
    if given is None or given in forms:
        return forms.get(given or "")
    raise typer.BadParameter("full | masked | yes_no", param_hint="--form")
