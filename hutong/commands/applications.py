"""Why: register an application system and its public key from a shell. Called by `hutong applications`; the work is in exchange_api.applications."""

from pathlib import Path
from typing import Annotated

import typer

from hutong.commands import legacy_door
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, help="Application systems and their public keys. 应用系统及公钥")
app.add_typer(legacy_door.app, name="legacy")


@app.command()
def register(
    application: Annotated[str, typer.Argument(help="Id, e.g. housing.desk. 编号")],
    name: Annotated[str, typer.Option(help="Name. 名称")],
    department: Annotated[str, typer.Option(help="Id of the department it asks for. 部门编号")],
) -> None:
    """Register an application system; doing it again changes nothing. 登记应用系统"""
    from exchange_api import applications

    with transaction("exchange") as session:
        applications.register(session, application, name, department)
    typer.echo(application)


@app.command("add-key")
def add_key(
    application: Annotated[str, typer.Argument(help="Id of the application. 应用系统编号")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Public key: PEM or JWK. 公钥文件")],
) -> None:
    """Register a public key and print its key id. 登记公钥"""
    import json

    from exchange_api import applications

    text = file.read_text("utf-8")
    with transaction("exchange") as session:
        row = applications.register_key(
            session, application, json.loads(text) if text.lstrip().startswith("{") else text
        )
    typer.echo(row.keyid)


@app.command("end-key", context_settings={"ignore_unknown_options": True})  # a key id may begin with a dash
def end_key(
    application: Annotated[str, typer.Argument(help="Id of the application. 应用系统编号")],
    keyid: Annotated[str, typer.Argument(help="Key id. 密钥编号")],
    compromised: Annotated[bool, typer.Option("--compromised", help="Its private part leaked. 私钥已泄露")] = False,
) -> None:
    """Take a key out of use at once. 停用公钥"""
    from exchange_api import applications

    with transaction("exchange") as session:
        applications.end_key(session, application, keyid, compromised=compromised)
    typer.echo(f"{keyid} ended. 已停用。")


@app.command("list")
def list_all() -> None:
    """List applications and their keys. 列出应用系统"""
    from exchange_api import applications

    with transaction("exchange") as session:
        for one in applications.find(session):
            typer.echo(f"{one.id}  {one.name}  {one.department_id}")
            for key in applications.keys_of(session, one.id):
                typer.echo(f"  {key.keyid}  {key.algorithm}  {key.state}")
