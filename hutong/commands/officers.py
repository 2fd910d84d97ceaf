"""Why: people who may sign in to the portal, from a shell: to begin with, and when no administrator can. Called by `hutong officers`; the work is the
officers' desk's.

A password is generated here and shown once; the database holds only its hash. What is done here stands in the trail like what administrators do.
"""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from exchange_api import officers
from exchange_api.accounts import administration, second_factor, sign_ins, trail
from exchange_api.accounts.oidc import OidcSettings
from exchange_api.accounts.trail import Deed
from exchange_api.actors import Actor
from hutong.commands.tables import plain_table, show
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.operations import Officer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="People who may sign in to the portal. 门户用户")
OfficerId = Annotated[str, typer.Argument(help="Login name: lower-case letters, digits, . _ -")]
_ROLES = f"One or more of: {', '.join(officers.ROLES)}"


@app.command()
def add(
    officer: OfficerId,
    department: Annotated[str, typer.Option(help="Department id, e.g. housing")],
    role: Annotated[list[str], typer.Option(help=_ROLES)],
    name: Annotated[str | None, typer.Option(help="Name shown on pages; default the login name.")] = None,
) -> None:
    """Register an officer; the generated password is shown once. 登记经办人"""
    with transaction("exchange") as session:
        password = officers.add(session, officer, name or officer, department, role)
        _note(session, "add", officer)
    typer.echo(f"{officer}  {password}")


@app.command("list")
def list_(department: Annotated[str | None, typer.Option(help="Only this department's.")] = None) -> None:
    """List officers. 列出经办人"""
    table = plain_table("登录名", "姓名", "部门", "角色", "动态口令", "状态")
    with transaction("exchange") as session:
        for row in officers.find(session, department):
            locked = sign_ins.is_locked(row) and row.locked_until
            state = "停用" if row.is_disabled else f"锁定至 {locked.astimezone():%Y-%m-%d %H:%M}" if locked else "-"
            factor = "有" if row.factor_secret else "-"
            table.add_row(row.id, row.name, row.department_id, ", ".join(row.roles), factor, state)
    show(table)


@app.command()
def password(officer: OfficerId) -> None:
    """Give a new password, shown once; lifts a lock and ends every sign-in. 重置口令"""
    with transaction("exchange") as session:
        fresh = officers.renew_password(session, officer)
        _note(session, "password", officer)
    typer.echo(f"{officer}  {fresh}")


@app.command()
def roles(officer: OfficerId, role: Annotated[list[str], typer.Option(help=_ROLES)]) -> None:
    """Say what an officer may do; his sign-ins and delegations end. 分配角色"""
    with transaction("exchange") as session:
        administration.set_roles(session, _console(session, officer), officer, role)
        _note(session, "roles", officer)


@app.command()
def disable(officer: OfficerId) -> None:
    """Switch an account off; its sign-ins end at once. 停用账号"""
    with transaction("exchange") as session:
        administration.disable(session, _console(session, officer), officer)
        _note(session, "disable", officer)


@app.command()
def enable(officer: OfficerId) -> None:
    """Switch an account on. 启用账号"""
    with transaction("exchange") as session:
        administration.enable(session, _console(session, officer), officer)
        _note(session, "enable", officer)


@app.command()
def unlock(officer: OfficerId) -> None:
    """Lift a lock before its time. 解除锁定"""
    with transaction("exchange") as session:
        administration.unlock(session, _console(session, officer), officer)
        _note(session, "unlock", officer)


@app.command("reset-factor")
def reset_factor(officer: OfficerId) -> None:
    """Take away a second factor whose device is lost; sign-ins end. 重置动态口令"""
    with transaction("exchange") as session:
        administration.reset_factor(session, _console(session, officer), officer)
        needed = second_factor.is_needed(session.get_one(Officer, officer))
        _note(session, "factor", officer)
    if needed:
        typer.echo("下次登录时须重新绑定。A new one is asked for at the next sign-in.")


@app.command()
def link(
    officer: OfficerId,
    subject: Annotated[str, typer.Argument(help="The `sub` of the identity provider; '' takes the link away.")],
) -> None:
    """Link an identity of the bureau's provider to an account. 绑定统一身份"""
    issuer = OidcSettings().oidc_issuer
    if not issuer:
        raise Invalid("oidc.off")
    with transaction("exchange") as session:
        administration.link(session, _console(session, officer), officer, (issuer, subject))
        _note(session, "link", officer)


def _console(session: Session, officer: str) -> Actor:
    """Return whoever sits at the machine itself: both administrators, and no officer."""
    found = session.get(Officer, officer)
    department = found.department_id if found else ""
    return Actor("console", department, frozenset({administration.SYSTEM, administration.SECURITY}))


def _note(session: Session, step: str, officer: str) -> None:
    trail.note(session, Deed(_console(session, officer), f"console.{step}", cases=(officer,)))
