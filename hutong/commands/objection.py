"""Why: departments answer values that are doubted, and doubt values themselves, from a shell too. Called by `hutong objection`; the desk is
exchange_api.objections. What was claimed and why is printed only by `show --reveal`: it may name people.
"""

from typing import Annotated

import typer

from exchange_api.objections import objection_cases, objection_upkeep, objections
from exchange_api.objections.objections import Doubt
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA, today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.objections import LIVE_STATES, REFUSAL_REASONS, Objection

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Values that are doubted, and their answers. 异议校核"
)
STATES = {
    "open": "待核实 open", "correcting": "更正中 correcting", "corrected": "已更正 corrected", "refused": "维持原值 refused",
    "ruled": "已裁定 ruled", "withdrawn": "已撤回 withdrawn",
}  # fmt: skip
REASONS = " | ".join(REFUSAL_REASONS)
ObjectionId = Annotated[str, typer.Argument(metavar="OBJECTION", help="Number, e.g. YY-2026-000001. 异议编号")]
Note = Annotated[str | None, typer.Option("--note", help="Words beside it. 说明")]


@app.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Raised by it or put to it. 部门")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已办结的")] = False,
) -> None:
    """List objections, the most urgent first; no values. 列出异议"""
    table = plain_table("objection 异议", "state 状态", "item 信息项", "raised by 提出", "source 数源", "due 期限")
    with transaction("reader") as session:
        for one in objections.find(session, department, live=not everything):
            late = " · 超期 overdue" if one.state in LIVE_STATES and one.due_date < today() else ""
            table.add_row(
                one.id, STATES[one.state] + late, _item(one), one.application_id or one.department_id, one.source_department_id,
                one.due_date.isoformat(),
            )  # fmt: skip
    print_table(table)


@app.command()
def show(
    objection_id: ObjectionId,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print whom it concerns, values and reasons in clear. 明文显示")
    ] = False,
) -> None:
    """Show one objection with all its steps. 查看异议及办理过程"""
    with transaction("reader") as session:
        found = session.get(Objection, objection_id)
        if found is None:
            raise Invalid("objection.unknown", objection=objection_id)
        typer.echo(f"{found.id}  {STATES[found.state]}  {_item(found)}  期限 due {found.due_date}")
        typer.echo(f"提出 raised by {found.raised_by} ({found.department_id}), 回执 receipt {found.receipt or '-'}")
        source = f"{found.source_department_id}  {found.source_resource_id or '-'}  {found.source_batch_id or '-'}"
        typer.echo(f"数源 source {source}")
        if reveal:
            typer.echo(f"记录 record {found.record_key}: {found.value or '-'} → {found.claimed or '-'}")
            typer.echo(f"理由 reason {found.reason}\n证据 evidence {found.evidence or '-'}")
        for step in objection_cases.timeline(session, objection_id):
            note = f"  {step.note}" if reveal and step.note else ""
            facts = " ".join(f"{name}={value}" for name, value in step.facts.items())
            when = f"{step.at.astimezone(CHINA):%Y-%m-%d %H:%M}"
            typer.echo(
                f"  {when}  {step.action}  {step.from_state or '-'} → {step.to_state or '-'}  {step.actor}  {facts}{note}"
            )


@app.command("raise")
def raise_(
    what: Annotated[str, typer.Argument(metavar="LIBRARY.ATTRIBUTE", help="E.g. population.marital_status. 信息项")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is doubted. 理由")],
    officer: Annotated[str, typer.Option("--as", help="Who objects: an officer's login. 经办人")],
    subject: Annotated[
        str,
        typer.Option(
            prompt="subject 主体代码", hide_input=True, help="Whom it concerns, or an entry's key; asked for. 主体"
        ),
    ],
    claimed: Annotated[str | None, typer.Option(help="What it should be. 应为")] = None,
) -> None:
    """Object to a value as an officer; while one is open over it, that one is named. 提出异议"""
    library_name, _, attribute = what.partition(".")
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "")
        place = (library_name, subject.strip(), None)
        found = objections.raise_by_officer(session, actor, place, attribute, Doubt(reason, claimed))
    typer.echo(f"{found.id}  {found.source_department_id}  期限 due {found.due_date}")


@app.command()
def answer(
    objection_id: ObjectionId,
    outcome: Annotated[
        str, typer.Argument(help=f"corrected, or why the value stands: {REASONS}. 更正或维持原值的理由")
    ],
    batch: Annotated[
        str | None, typer.Option(help="The merged batch that corrected it; without, it closes when one comes. 更正批次")
    ] = None,
    note: Note = None,
    acting: Acting = None,
) -> None:
    """Answer as the value's source: corrected (by a batch, or to come), or refused on a catalogued ground. 数源部门答复"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, objection_cases.get(session, objection_id).source_department_id, "provider")
        if outcome != "corrected":
            found = objections.refuse(session, actor, objection_id, outcome, note)
        elif batch is not None:
            found = objections.correct(session, actor, objection_id, batch, note)
        else:
            found = objections.promise(session, actor, objection_id, note)
    typer.echo(f"{found.id}  {STATES[found.state]}")


@app.command()
def withdraw(objection_id: ObjectionId, acting: Acting = None) -> None:
    """Take an objection back, as the department that raised it. 撤回异议"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, objection_cases.get(session, objection_id).department_id, "provider")
        found = objections.withdraw(session, actor, objection_id)
    typer.echo(f"{found.id}  {STATES[found.state]}")


@app.command()
def follow() -> None:
    """Do what is due for objections now, as the hourly DAG does: close what was corrected or ruled on, remind. 处理异议到期事项"""
    done = objection_upkeep.keep_objections()
    typer.echo(
        f"{len(done.closed)} closed, {len(done.reminded)} reminded, {len(done.overdue)} overdue. "
        f"办结 {len(done.closed)}，催办 {len(done.reminded)}，超期 {len(done.overdue)}。"
    )
    for line in (*done.closed, *done.reminded, *done.overdue):
        typer.echo(f"  {line}")


def _item(one: Objection) -> str:
    return f"{library(one.library).attribute(one.attribute).name} {one.library}.{one.attribute}"
