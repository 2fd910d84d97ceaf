"""Why: people who may sign in to the portal, from a shell. Called by `hutong officers`; the work is the officers' desk's.

A password is generated here and shown once; the database holds only its hash.
"""

from typing import Annotated

import typer

from exchange_api import officers
from hutong.commands.tables import plain_table, show
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="People who may sign in to the portal. 门户用户")
OfficerId = Annotated[str, typer.Argument(help="Login name: lower-case letters, digits, . _ -")]


@app.command()
def add(
    officer: OfficerId,
    department: Annotated[str, typer.Option(help="Department id, e.g. housing")],
    role: Annotated[list[str], typer.Option(help=f"One or more of: {', '.join(officers.ROLES)}")],
    name: Annotated[str | None, typer.Option(help="Name shown on pages; default the login name.")] = None,
) -> None:
    """Register an officer; the generated password is shown once. 登记经办人"""
    with transaction("exchange") as session:
        password = officers.add(session, officer, name or officer, department, role)
    typer.echo(f"{officer}  {password}")


@app.command("list")
def list_(department: Annotated[str | None, typer.Option(help="Only this department's.")] = None) -> None:
    """List officers. 列出经办人"""
    table = plain_table("登录名", "姓名", "部门", "角色", "锁定至")
    with transaction("exchange") as session:
        for row in officers.find(session, department):
            locked = row.locked_until.astimezone().isoformat(" ", "minutes") if row.locked_until else "-"
            table.add_row(row.id, row.name, row.department_id, ", ".join(row.roles), locked)
    show(table)


@app.command()
def password(officer: OfficerId) -> None:
    """Give a new password, shown once; lifts a lock and ends every sign-in. 重置口令"""
    with transaction("exchange") as session:
        fresh = officers.renew_password(session, officer)
    typer.echo(f"{officer}  {fresh}")
