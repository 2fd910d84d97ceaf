"""Why: the hub's signing keys have a life of their own, each step of it is evidence, and where their private parts lie is the operator's decision.
Called by `hutong keys`; what seals the folder is in `key_sealing`.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hutong.commands import key_sealing
from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.database import transaction

if TYPE_CHECKING:
    from exchange_api.keeping.privates import KeyOrder

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Signing keys of the hub. 枢纽签名密钥")
for command in (key_sealing.kek, key_sealing.encrypt, key_sealing.rewrap):
    app.command()(command)

PLACES = {
    "plain": "文件（明文）file, plain",
    "sealed": "文件（已加密）file, encrypted",
    "token": "PKCS#11 令牌 token",
    "absent": "不在本机 not here",
}
DASHED: Any = {"ignore_unknown_options": True}
"""One key id in sixty-four begins with a dash, and is no option."""
KeyId = Annotated[str, typer.Argument(help="Key id as `hutong keys list` shows it. 密钥编号")]
Pkcs11 = Annotated[bool, typer.Option("--pkcs11", help="Make it inside the PKCS#11 token. 在令牌中生成")]
Label = Annotated[
    str | None, typer.Option("--key-label", help="Its label in the token, or that of a key already there. 令牌中的标签")
]
P256 = Annotated[bool, typer.Option("--p256", help="P-256 instead of Ed25519, for tokens without Ed25519. 采用 P-256")]
Sm2 = Annotated[bool, typer.Option("--sm2", help="The SM2 key that signs beside. 国密第二签名密钥")]


@app.command("list")
def list_() -> None:
    """List every key the hub ever used: algorithm, state, period, where its private part lies. 列出全部密钥"""
    from exchange_api.keeping.privates import place_of
    from exchange_api.keys import jwks, keys_folder

    table, folder = plain_table("keyid", "算法", "状态", "起", "止", "私钥 private part"), keys_folder()
    with transaction("reader") as session:
        for key in jwks(session)["keys"]:
            begun, ended = (_day(key.get(f"hutong:{name}")) for name in ("not_before", "not_after"))
            place = PLACES[place_of(folder, key["kid"])]
            table.add_row(key["kid"], key.get("alg", "-"), key["hutong:state"], begun, ended, place)
    show(table)
    key_sealing.warn()


@app.command("show", context_settings=DASHED)
def show_(keyid: KeyId) -> None:
    """Show one key: its life, its public part as JWK, where its private part lies. 查看密钥"""
    import json

    from exchange_api.keeping.privates import place_of
    from exchange_api.keys import jwks, keys_folder
    from schemas.errors import Denied

    with transaction("reader") as session:
        found = [key for key in jwks(session)["keys"] if key["kid"] == keyid]
    if not found:
        raise Denied("key.state", keyid=keyid, state="unknown", wanted="show")
    typer.echo(json.dumps(found[0], indent=2, ensure_ascii=False))
    typer.echo(f"私钥 private part: {PLACES[place_of(keys_folder(), keyid)]}")


@app.command("next")
def next_(pkcs11: Pkcs11 = False, key_label: Label = None, p256: P256 = False, sm2: Sm2 = False) -> None:
    """Make the next key and publish it ahead of its use. 预告下一把密钥"""
    from exchange_api.evidence.keyring import announce_key

    with transaction() as session:
        typer.echo(announce_key(session, order=_order(pkcs11, key_label, p256, sm2)))
    typer.echo(f"可启用时刻 can be rolled from: {_from_now()}")


@app.command()
def roll(
    pkcs11: Pkcs11 = False,
    key_label: Label = None,
    p256: P256 = False,
    sm2: Sm2 = False,
    now: Annotated[bool, typer.Option("--now", help="At once, with a key nobody knows yet. 立即启用")] = False,
) -> None:
    """Sign with the next key from now on; the former one of its kind is retired and stays published. 启用下一把密钥"""
    from exchange_api.evidence.keyring import roll_key
    from exchange_api.keys import KeySettings

    ahead = None if now else timedelta(seconds=KeySettings().keys_ahead_s)
    with transaction() as session:
        typer.echo(roll_key(session, order=_order(pkcs11, key_label, p256, sm2), ahead=ahead))


@app.command(context_settings=DASHED)
def retire(keyid: KeyId) -> None:
    """Let a key sign no more with none in its place: back from P-256 to Ed25519, or without SM2. 停用密钥"""
    from exchange_api.evidence.keyring import retire_key

    with transaction() as session:
        retire_key(session, keyid)
    typer.echo(f"{keyid} retired. 已停用。")


@app.command(context_settings=DASHED)
def revoke(keyid: KeyId) -> None:
    """Declare a key compromised from now on; what it signed before stays good. 吊销密钥"""
    from exchange_api.evidence.keyring import revoke_key

    with transaction() as session:
        revoke_key(session, keyid)
    typer.echo(f"{keyid} revoked. 已吊销。")


def _order(pkcs11: bool, key_label: str | None, p256: bool, sm2: bool) -> "KeyOrder":
    from exchange_api.keeping.privates import KeyOrder

    if sm2 and (pkcs11 or p256 or key_label):
        raise typer.BadParameter("SM2 密钥以软件保存 an SM2 key lies in a file: --sm2 goes alone")
    return KeyOrder(
        "sm2-sm3" if sm2 else "ecdsa-p256-sha256" if p256 else "ed25519", pkcs11 or bool(key_label), key_label
    )


def _from_now() -> str:
    from exchange_api.keys import KeySettings

    return f"{datetime.now(CHINA) + timedelta(seconds=KeySettings().keys_ahead_s):%Y-%m-%d %H:%M:%S}"


def _day(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d %H:%M") if seconds else "-"
