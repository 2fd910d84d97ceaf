"""Why: the hub's signing keys have a life of their own, and each step of it is evidence. Called by `hutong keys`."""

from datetime import datetime
from typing import Annotated

import typer

from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Signing keys of the hub. 枢纽签名密钥")


@app.command("list")
def list_() -> None:
    """List every key the hub ever used, with its period. 列出全部密钥"""
    from exchange_api.keys import jwks

    table = plain_table("keyid", "算法", "状态", "起", "止")
    with transaction("reader") as session:
        for key in jwks(session)["keys"]:
            begun, ended = (_day(key.get(f"hutong:{name}")) for name in ("not_before", "not_after"))
            table.add_row(key["kid"], key.get("alg", "-"), key["hutong:state"], begun, ended)
    show(table)


def _day(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d %H:%M") if seconds else "-"


@app.command()
def announce() -> None:
    """Make the next key and publish it ahead of its use. 预告下一把密钥"""
    from exchange_api.evidence.keyring import announce_key

    with transaction() as session:
        typer.echo(announce_key(session))


@app.command()
def roll() -> None:
    """Sign with the next key from now on; the former one is retired and stays published. 启用下一把密钥"""
    from exchange_api.evidence.keyring import roll_key

    with transaction() as session:
        typer.echo(roll_key(session))


@app.command()
def revoke(keyid: Annotated[str, typer.Argument(help="Key id as `hutong keys list` shows it")]) -> None:
    """Declare a key compromised from now on; what it signed before stays good. 吊销密钥"""
    from exchange_api.evidence.keyring import revoke_key

    with transaction() as session:
        revoke_key(session, keyid)
    typer.echo(f"{keyid} revoked")
