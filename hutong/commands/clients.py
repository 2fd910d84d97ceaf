"""Why: a department's office system gets its seat at the desks' HTTP interface from a shell. Called by `hutong clients`; the work is in
exchange_api.desk_api.clients.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from exchange_api.desk_api import clients
from exchange_api.officers import ROLES
from exchange_api.signing import Jwk
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Office systems that act at the desks over HTTP. 经办客户端"
)
ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="Id, e.g. housing.office. 客户端编号")]


@app.command()
def register(
    client: ClientId,
    name: Annotated[str, typer.Option(help="Name. 名称")],
    department: Annotated[str, typer.Option(help="Id of the department it acts for. 部门编号")],
    role: Annotated[list[str], typer.Option(help=f"Repeatable: {' | '.join(ROLES)}. 角色，可多次")],
) -> None:
    """Register a client of a department; doing it again changes nothing. 登记经办客户端"""
    with transaction("exchange") as session:
        clients.register(session, client, name, department, role)
    typer.echo(client)


@app.command("add-key")
def add_key(
    client: ClientId,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Public key: PEM or JWK. 公钥文件")],
) -> None:
    """Register a public key and print its key id: the `kid` of the client's assertions. 登记公钥"""
    key = _key(file)
    with transaction("exchange") as session:
        row = clients.register_key(session, client, key)
    typer.echo(row.keyid)


@app.command()
def revoke(
    client: ClientId,
    key: Annotated[str | None, typer.Option(help="Only this key. 仅停用该密钥")] = None,
) -> None:
    """Take a client, or one key of it, out of use for good; its tokens end at once. 注销客户端或停用密钥"""
    with transaction("exchange") as session:
        if key is None:
            clients.revoke(session, client)
        else:
            clients.revoke_key(session, client, key)
    typer.echo(f"{key or client} revoked. 已停用。")


@app.command("list")
def list_(department: Annotated[str | None, typer.Option(help="Of this department. 部门")] = None) -> None:
    """List clients and their keys. 列出经办客户端及密钥"""
    table = plain_table("client 客户端", "name 名称", "department 部门", "roles 角色", "state 状态", "keys 密钥")
    with transaction("exchange") as session:
        for one in clients.find(session, department):
            keys = "\n".join(f"{key.keyid} {key.algorithm} {key.state}" for key in clients.keys_of(session, one.id))
            table.add_row(one.id, one.name, one.department_id, ", ".join(one.roles), one.state, keys)
    print_table(table)


def _key(file: Path) -> Jwk | str:
    """Return what a file holds: a PEM as it is, a JWK parsed. Raises Invalid `key.malformed`."""
    try:
        text = file.read_text("utf-8")
        return json.loads(text) if text.lstrip().startswith("{") else text
    except ValueError as wrong:
        raise Invalid("key.malformed", reason="neither PEM nor JWK") from wrong
