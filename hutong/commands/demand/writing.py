"""Why: a department writes its needs in a file of its own and brings them; nobody has to type a form twice. Called by `hutong demand`."""

from pathlib import Path
from typing import Annotated

import typer

from catalog import departments
from exchange_api import cases
from exchange_api.demand import attachments, demands, forms
from hutong.commands.acting import Acting, actor_of
from hutong.commands.demand.parts import DemandId, FormFile, Why, read_file, tell_findings, tell_state
from schemas.database import transaction

app = typer.Typer()
Department = Annotated[
    str, typer.Option("--department", help="Whose need it is, for the operator. 需求部门（操作员用）")
]


@app.command()
def register(file: FormFile, department: Department = "", acting: Acting = None) -> None:
    """Register a demand from a file as a draft, and say what speaks against it; a service item is enough. 登记需求草稿"""
    form = forms.read_form(read_file(file))
    with transaction("exchange") as session:
        if acting is None:
            departments.get(session, department)
        actor = actor_of(session, acting, department, "demander")
        demand = demands.register(session, actor, form)
        found = demands.check(session, demand)
    tell_state(demand)
    tell_findings(found)


@app.command()
def revise(demand_id: DemandId, file: FormFile, acting: Acting = None) -> None:
    """Replace what a draft or a returned demand says. 修改需求"""
    form = forms.read_form(read_file(file))
    with transaction("exchange") as session:
        actor = actor_of(session, acting, cases.get(session, demand_id).department_id, "demander")
        demand = demands.revise(session, actor, demand_id, form)
        found = demands.check(session, demand)
    tell_state(demand)
    tell_findings(found)


@app.command()
def check(demand_id: DemandId) -> None:
    """Say what speaks against a demand as it stands; nothing is changed. 审查需求"""
    with transaction("exchange") as session:
        demand = cases.get(session, demand_id)
        found = demands.check(session, demand)
    tell_state(demand)
    tell_findings(found)


@app.command()
def submit(demand_id: DemandId, acting: Acting = None) -> None:
    """Submit a draft; everything missing is named at once. 提交需求"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, cases.get(session, demand_id).department_id, "demander")
        demand = demands.submit(session, actor, demand_id)
        found = demands.check(session, demand)
    tell_state(demand)
    tell_findings(found)


@app.command()
def discard(demand_id: DemandId, acting: Acting = None) -> None:
    """Throw a draft away. 删除草稿"""
    with transaction("exchange") as session:
        demands.discard(
            session, actor_of(session, acting, cases.get(session, demand_id).department_id, "demander"), demand_id
        )
    typer.echo(f"{demand_id}  已删除 discarded")


@app.command()
def withdraw(demand_id: DemandId, why: Why = None, acting: Acting = None) -> None:
    """Withdraw a demand; everybody asked is told. 撤回需求"""
    with transaction("exchange") as session:
        demand = cases.get(session, demand_id)
        demands.withdraw(session, actor_of(session, acting, demand.department_id, "demander"), demand_id, why)
    tell_state(demand)


@app.command()
def attach(
    demand_id: DemandId,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="PDF, OFD, DOCX, XLSX, PNG or JPEG, at most 10 MiB. 附件"),
    ],
    acting: Acting = None,
) -> None:
    """Attach a file; the same file twice is one. 添加附件"""
    with file.open("rb") as opened:
        content = opened.read(attachments.LARGEST + 1)  # one byte more is enough to refuse it
    with transaction("exchange") as session:
        actor = actor_of(session, acting, cases.get(session, demand_id).department_id, "demander")
        added = attachments.attach(session, actor, demand_id, file.name, content)
        session.flush()
    typer.echo(f"{added.id}  {added.name}  {added.size} B  sha256 {added.sha256}")


@app.command()
def detach(
    demand_id: DemandId,
    attachment: Annotated[int, typer.Argument(help="Number of the file, see show. 附件编号")],
    acting: Acting = None,
) -> None:
    """Remove a file from a draft or a returned demand. 删除附件"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, cases.get(session, demand_id).department_id, "demander")
        attachments.remove(session, actor, demand_id, attachment)
    typer.echo(f"{attachment}  已删除 removed")


@app.command("save-file")
def save_file(
    demand_id: DemandId,
    attachment: Annotated[int, typer.Argument(help="Number of the file, see show. 附件编号")],
    out: Annotated[Path, typer.Option("--out", help="Where to write it. 保存位置")],
    acting: Acting = None,
) -> None:
    """Write an attached file to disk; nothing opens it. 保存附件"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, cases.get(session, demand_id).department_id, "demander")
        content = attachments.read(session, actor, demand_id, attachment).content
    out.write_bytes(content)
    typer.echo(f"{out}  {len(content)} B")
