"""Why: files in bulk are built by a task; an operator must see how far they are, and build them where no Airflow runs. Called by `hutong export`."""

from typing import Annotated

import typer
from sqlalchemy import func, select

from exchange_api.exports import building, exports
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.exports import Export, ExportEvent, ExportFile

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Files in bulk for application systems. 批量导出")
STATES = {
    "waiting": "待生成 waiting",
    "building": "生成中 building",
    "ready": "可下载 ready",
    "failed": "失败 failed",
    "stopped": "已中止 stopped",
    "cancelled": "已取消 cancelled",
    "expired": "已过期 expired",
}
ExportId = Annotated[str, typer.Argument(metavar="EXPORT", help="Number of the export, e.g. DC-2026-000001. 导出编号")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended too. 包括已结束的")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines. 行数上限")] = 50,
) -> None:
    """List exports, the newest first, with how far they are. 列出导出及进度"""
    written = func.coalesce(func.sum(ExportFile.rows), 0), func.count(ExportFile.number)
    query = select(Export, *written).outerjoin(ExportFile, ExportFile.export_id == Export.id).group_by(Export.id)
    if not everything:
        query = query.where(Export.state.in_(exports.LIVE))
    table = plain_table(
        "export 导出", "grant 授权", "library 库", "format 格式", "state 状态", "files 文件", "rows 行数", "asked 申请"
    )
    with transaction("reader") as session:
        for one, rows, files in session.execute(query.order_by(Export.asked_at.desc()).limit(limit)):
            asked = f"{one.asked_at.astimezone(CHINA):%Y-%m-%d %H:%M}"
            table.add_row(
                one.id, one.grant_id, one.library, one.format, STATES[one.state], str(files), str(rows), asked
            )
    print_table(table)


@app.command()
def show(export_id: ExportId) -> None:
    """Show one export with its files and every step. 查看导出"""
    with transaction("reader") as session:
        one = exports.find(session, export_id)
        typer.echo(f"{one.id}  {one.grant_id}  {one.application_id}  {one.library}  {STATES[one.state]}")
        typer.echo(f"信息项 items: {', '.join(f'{name} ({form})' for name, form in one.items.items())}")
        typer.echo(
            f"时点 known at: {one.known_at.astimezone(CHINA).isoformat()}" + (f"  {one.code}" if one.code else "")
        )
        table = plain_table("file 文件", "rows 行数", "bytes 字节", "SHA-256")
        files = select(ExportFile).where(ExportFile.export_id == export_id).order_by(ExportFile.number)
        for file in session.scalars(files):
            table.add_row(str(file.number), str(file.rows), str(file.bytes), file.sha256)
        print_table(table)
        events = select(ExportEvent).where(ExportEvent.export_id == export_id).order_by(ExportEvent.id)
        for event in session.scalars(events):
            when = f"{event.at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
            typer.echo(f"  {when}  {event.actor}  {event.action}  → {STATES[event.to_state]}")


@app.command()
def build(
    export_id: Annotated[
        str | None, typer.Argument(metavar="[EXPORT]", help="One; without, all that wait. 缺省为全部")
    ] = None,
) -> None:
    """Build what waits and clear away what has ended, as the DAG does; interrupted, it goes on after the last whole file. 生成导出文件"""
    if export_id is None:
        done = building.build_all()
        typer.echo(f"{len(done)} ready 已生成: {', '.join(done) or '-'}")
        return
    with transaction("reader") as session:
        exports.find(session, export_id)
    state = building.build(
        export_id, lambda number, rows: typer.echo(f"  file 文件 {number}, rows 行数 {rows}", err=True)
    )
    typer.echo(f"{export_id}  {STATES[state]}")


@app.command()
def cancel(export_id: ExportId) -> None:
    """End an export and delete its files; doing it again changes nothing. 取消导出"""
    with transaction("exchange") as session:
        state = exports.cancel(session, export_id, "operator").state
    building.sweep()
    typer.echo(f"{export_id}  {STATES[state]}")
