"""Why: a holder says there should be a certificate that the library lacks: ask its issuer by a date and follow it. Called by `hutong certificate missing`."""

import sys
from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.certificates import reports
from libraries.certificates.reports import Missing
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Certificates that should be there. 缺失证照")


@app.command()
def report(
    certificate_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="Name or code of the type. 证照类型名称或代码")
    ],
    department: Annotated[str, typer.Argument(help="Department that issued it. 颁发部门标识")],
    holder: Annotated[
        str | None, typer.Option(help="Code of the holder; left out, it is read from standard input. 持证主体代码")
    ] = None,
    number: Annotated[str | None, typer.Option(help="Number of the certificate, if known. 证照编号")] = None,
    note: Annotated[str, typer.Option(help="What the holder says. 说明")] = "",
) -> None:
    """Ask the issuer for a certificate that is missing; reported again it is the same report. 报告缺失证照"""
    holder = (holder or sys.stdin.readline()).strip()
    with transaction("ingest") as session:
        missing = Missing(holder, certificate_type, department, number, note)
        found = reports.report_missing(session, missing, "hutong certificate missing report")
        due = found.due_date.isoformat() if found.due_date else "—"
        typer.echo(f"{found.id} {found.state}, due 期限 {due}")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已关闭的")] = False,
) -> None:
    """List what issuers owe, soonest due first; what came meanwhile is closed before. No personal data. 列出缺失和错误证照报告"""
    with transaction("ingest") as session:
        settled = reports.settle(session)
    table = plain_table("report 报告", "kind 种类", "type 类型", "department 部门", "due 期限", "state 状态")
    with transaction("reader") as session:
        for one in reports.find(session, closed=everything):
            due = one.due_date.isoformat() if one.due_date else "—"
            table.add_row(str(one.id), one.kind, one.certificate_type, one.department_id, due, one.state)
        late = reports.overdue(session)
    print_table(table)
    typer.echo(f"settled by the library 已补齐 {settled}, overdue 超期 {late}")


@app.command()
def close(
    report_id: Annotated[int, typer.Argument(metavar="REPORT", help="Report as list numbers it. 报告编号")],
    state: Annotated[str, typer.Option("--as", help="added | refused | withdrawn. 处理结果")],
    answer: Annotated[str, typer.Option(help="What the issuer says. 答复")],
) -> None:
    """Close a report with the issuer's answer. 关闭报告"""
    if not answer.strip():
        raise Invalid("certificate.report_end", known="added, refused, withdrawn")
    with transaction("ingest") as session:
        found = reports.close(session, report_id, state, answer)
        typer.echo(f"{found.id} {found.state}")
