"""Why: who lets a system in that cannot sign decides it at a console, for a time, and sees the secret once. Called by `hutong applications legacy`; the desk
is exchange_api.legacy.doors.
"""

from datetime import date
from typing import Annotated

import typer

from exchange_api.legacy import doors
from exchange_api.legacy.doors import Opening
from hutong.commands.acting import Acting, actor_of
from schemas.calendar import CHINA, today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.legacy import LegacyDoor

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Let a system that cannot sign yet ask with a shared secret, until a day; weaker, and marked so. 共享密钥接入（弱认证）",
)
ApplicationId = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id of the application. 应用系统编号")]
AUTHORITY = "authority"


@app.command("on")
def on(
    application: Annotated[
        str,
        typer.Argument(
            metavar="APPLICATION[=RID]",
            help="Id of the application, and its requester id if another. 应用系统编号[=请求方编号]",
        ),
    ],
    services: Annotated[
        list[str],
        typer.Option(
            "--service",
            metavar="SID=GRANT[:PARAMETER]",
            help="A service id, the grant behind it, and the body's member that names whom (default subjects); may be repeated. 服务与授权",
        ),
    ],
    until: Annotated[str, typer.Option(help="Last day, e.g. 2026-12-31; at most a year ahead. 截止日")],
    why: Annotated[str, typer.Option("--why", help="Why it cannot sign yet. 暂不能签名的理由")],
    acting: Acting = None,
) -> None:
    """Open the door, or change what an open one leads to; prints the secret of a new one, this once. 开通"""
    application, _, rid = application.partition("=")
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "", AUTHORITY)
        known = rid or doors.rid_of(session, application)
        wanted = Opening(known, dict(map(_service, services)), _day(until), why)
        _tell(*doors.open_door(session, actor, application, wanted))


@app.command("renew")
def renew(
    application: ApplicationId,
    until: Annotated[str | None, typer.Option(help="New last day. 新的截止日")] = None,
    acting: Acting = None,
) -> None:
    """Give an open door a new secret, printed this once; the old one is worthless at once. 更换密钥"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "", AUTHORITY)
        _tell(*doors.renew(session, actor, application, _day(until) if until else None))


@app.command("off")
def off(application: ApplicationId, acting: Acting = None) -> None:
    """Shut the door at once; doing it again changes nothing. 关闭"""
    with transaction("exchange") as session:
        _tell(doors.close(session, actor_of(session, acting, "", AUTHORITY), application), None)


@app.command("show")
def show(application: ApplicationId) -> None:
    """Show a door and what it leads to; never its secret. 查看"""
    with transaction("reader") as session:
        door = doors.find(session, application)
        _tell(door, None)
        typer.echo(f"开通 opened {door.opened_at.astimezone(CHINA):%Y-%m-%d %H:%M} {door.opened_by}: {door.reason}")
        for one in doors.services_of(session, application):
            typer.echo(f"  POST /v1/legacy/{one.sid}  {one.grant_id}  {one.parameter}")


def _service(words: str) -> tuple[str, tuple[str, str]]:
    sid, _, rest = words.partition("=")
    grant_id, _, parameter = rest.partition(":")
    return sid.strip(), (grant_id.strip(), parameter.strip() or "subjects")


def _day(words: str) -> date:
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise Invalid("legacy.malformed", part="until") from None


def _tell(door: LegacyDoor, secret: str | None) -> None:
    state = (
        "已开通 on"
        if door.is_on and door.valid_until >= today()
        else "已关闭 off"
        if not door.is_on
        else "已到期 expired"
    )
    typer.echo(f"{door.application_id}  rid {door.rid}  {state}  至 until {door.valid_until}")
    if secret:
        typer.echo(f"密钥 secret: {secret}\n密钥仅显示这一次。The secret is shown this once.")
