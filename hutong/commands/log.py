"""Why: the evidence log is only worth what can be recomputed from it. Called by `hutong log`."""

import typer

from schemas.database import transaction

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Audit and archive the evidence log. 存证日志审计与归档"
)


@app.command()
def vkey() -> None:
    """Print the verifier keys of this log, in use and announced: witnesses trust them. 打印日志公钥"""
    from exchange_api.evidence.cosignature import LOG, VerifierKey
    from exchange_api.evidence.log import LogSettings
    from exchange_api.keys import jwks
    from exchange_api.signing import public_key_from_jwk

    with transaction("reader") as session:
        found = jwks(session)["keys"]
    for jwk in found:
        if jwk.get("crv") == "Ed25519" and jwk["hutong:state"] in ("next", "active"):
            key = public_key_from_jwk({name: jwk[name] for name in ("kty", "crv", "x")})
            typer.echo(f"{VerifierKey(LogSettings().log_origin, LOG, key)}  {jwk['hutong:state']}")


@app.callback()
def family() -> None:
    """Audit and archive the evidence log. 存证日志审计与归档"""
