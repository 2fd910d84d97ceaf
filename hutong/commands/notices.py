"""Why: what departments are told, and where it goes besides the portal, can be seen and set from a shell. Called by `hutong notices`; the desk is
exchange_api.noticing. Of a webhook only the host is printed: the rest of its address may be a secret.
"""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from catalog import notices
from exchange_api.noticing import kinds, reading, sending, ways, wording
from exchange_api.noticing.ways import WayForm
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Language
from schemas.tables.notice_ways import NoticeWay

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What departments are told, and where it goes. 通知")
SEVERITY = {"urgent": "紧急 urgent", "action": "待办 action", "info": "知悉 info"}
MODES = {"immediate": "即时 immediate", "digest": "汇总 digest", "off": "停用 off"}
Department = Annotated[str, typer.Argument(metavar="DEPARTMENT", help="Department id. 部门")]
WayId = Annotated[int, typer.Argument(metavar="WAY", help="Number in `hutong notices ways`. 通知方式编号")]
Language_ = Annotated[str, typer.Option("--language", help="zh or en. 语言")]


@app.command("list")
def list_(
    department: Department,
    unread: Annotated[bool, typer.Option("--unread", help="Only what nobody has read. 只列未读")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many. 条数")] = 20,
    language: Language_ = "zh",
) -> None:
    """List a department's notices, the newest first. 列出通知"""
    said: Language = "en" if language == "en" else "zh"
    table = plain_table("notice 编号", "time 时间", "severity 级别", "kind 类别", "notice 通知", "read 已读")
    with transaction("reader") as session:
        for one in notices.find(session, department, limit, unread_only=unread):
            when = f"{one.created_at.astimezone(CHINA):%Y-%m-%d %H:%M}"
            words = wording.say(one.key, one.facts, said)
            read_at = f"{one.read_at.astimezone(CHINA):%m-%d %H:%M}" if one.read_at else "-"
            severity = SEVERITY[kinds.severity_of(one.key)]
            table.add_row(str(one.id), when, severity, kinds.kind_word(one.key, said), words, read_at)
        count = notices.count_unread(session, department)
    show(table)
    typer.echo(f"{count} unread. 未读 {count} 条。")


@app.command()
def read(
    department: Department,
    ids: Annotated[list[int] | None, typer.Argument(metavar="[NOTICE]...", help="Numbers; none: all. 编号")] = None,
    acting: Acting = None,
) -> None:
    """Mark notices as read, or all of the department's. 标记已读"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, department)
        actor.require_department(department, department)
        done = reading.read(session, actor, ids) if ids else reading.read_all(session, actor)
    typer.echo(f"{done} marked as read. 已读 {done} 条。")


@app.command("ways")
def list_ways(
    department: Annotated[str | None, typer.Option("--department", help="Only its ways. 部门")] = None,
) -> None:
    """List where notices go outside the portal. 列出通知方式"""
    table = plain_table(
        "way 编号", "department 部门", "address 地址", "keys 范围", "mode 方式", "language 语言", "state 状态"
    )
    with transaction("exchange") as session:
        for way in ways.find(session, department):
            whose = f"{way.department_id} {way.officer_id or ''}".strip()
            mode = MODES[way.mode] + (f" {way.digest_hour:02d}:00" if way.mode == "digest" else "")
            table.add_row(str(way.id), whose, _address(way), " ".join(way.keys), mode, way.language, _state(way))
    show(table)


@app.command("add-way")
def add_way(  # noqa: PLR0913 - each is an option of the command
    department: Department,
    address: Annotated[str, typer.Argument(help="A mail address, or the https address of a webhook. 邮箱或接收地址")],
    keys: Annotated[
        list[str] | None,
        typer.Option("--keys", help="Pattern of keys, e.g. demand.*; may be repeated; default all. 范围"),
    ] = None,
    digest: Annotated[
        int | None,
        typer.Option(
            "--digest", metavar="HOUR", min=0, max=23, help="One message a working day at this hour. 每日汇总"
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep it, send nothing. 停用")] = False,
    language: Language_ = "zh",
    officer: Annotated[str | None, typer.Option("--officer", help="Whose own address it is. 经办人")] = None,
    acting: Acting = None,
) -> None:
    """Send a department's notices to an address too; the same address again changes how. 添加或修改通知方式"""
    mode = "off" if off else "immediate" if digest is None else "digest"
    form = WayForm(
        channel="webhook" if "://" in address else "email", address=address, language="en" if language == "en" else "zh",
        keys=tuple(keys or ["*"]), mode=mode, digest_hour=8 if digest is None else digest, officer_id=officer,
    )  # fmt: skip
    with transaction("exchange") as session:
        way = ways.add(session, actor_of(session, acting, department), department, form)
        typer.echo(f"{way.id}  {way.department_id}  {_address(way)}  {MODES[way.mode]}")


@app.command("remove-way")
def remove_way(way_id: WayId, acting: Acting = None) -> None:
    """Send nothing there any more. 删除通知方式"""
    with transaction("exchange") as session:
        way = ways.get(session, way_id)
        ways.remove(session, actor_of(session, acting, way.department_id), way_id)
    typer.echo(f"{way_id} removed. 已删除 {way_id}。")


@app.command("test-way")
def try_way(way_id: WayId, acting: Acting = None) -> None:
    """Send a test notice there now; a paused way runs again once it is taken. 测试并恢复通知方式"""
    with transaction("exchange") as session:
        way = ways.get(session, way_id)
        ways.try_out(session, actor_of(session, acting, way.department_id), way_id)
    typer.echo(f"{way_id} took it. {way_id} 已送达。")


@app.command("send-due")
def send_due() -> None:
    """Send what is due now, as the DAG does every few minutes. 立即外送到期通知"""
    done = sending.send_due(progress=lambda so_far: typer.echo(f"  {so_far.sent} sent 已送", err=True))
    typer.echo(
        f"{done.sent} sent, {done.put_off} put off, {done.failed} failed, {done.dropped} dropped. "
        f"已送 {done.sent}，待重试 {done.put_off}，失败 {done.failed}，不再外送 {done.dropped}。"
    )
    for channel in sorted({"email", "webhook"} - done.channels):
        typer.echo(
            f"{channel} rests: its server or key is not to be had, see the log. {channel} 暂停：服务器或密钥不可用。"
        )


def _address(way: NoticeWay) -> str:
    return way.address if way.channel == "email" else f"{way.channel} {urlsplit(way.address).netloc}"


def _state(way: NoticeWay) -> str:
    if way.paused_at is not None:
        return f"已暂停 paused ({way.failures})"
    return "已验证 verified" if way.verified_at else "未验证 unverified"
