"""Why: anyone can check what the hub answered, offline, with public keys only. Called by `hutong verify`; needs no running service."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from exchange_api.evidence.receipt import Check

WEAK = {
    "request_signature": (
        "请求仅凭共享密钥认证，未经应用系统签名",
        "the question was authenticated by a shared secret only, not signed by the application system",
    )
}
# what each check proves, in words: Chinese, English
MEANING = {
    "format": ("回执格式完整、无多余内容", "the file is a whole receipt and nothing else"),
    "request_digest": ("请求正文与摘要一致", "the question's body has the digest that was signed"),
    "request_signature": ("请求由所列应用系统签名", "the application system signed the question"),
    "response_digest": ("应答正文与摘要一致", "the answer's body has the digest that was signed"),
    "response_signature": ("应答由枢纽签名", "the hub signed the answer"),
    "binding": ("应答对应的正是该请求", "the answer belongs to this question"),
    "entry": ("存证条目记载的正是本次问答", "the evidence entry speaks of these messages"),
    "inclusion": ("条目已纳入存证日志", "the entry is in the log"),
    "checkpoint_signature": ("日志检查点由枢纽签名", "the hub signed the log's checkpoint"),
}


def verify(
    file: Annotated[Path, typer.Argument(help="Receipt file", exists=True, dir_okay=False)],
    keys: Annotated[
        Path | None, typer.Option(help="The hub's JWKS file; default: keys/jwks.json of this installation")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a receipt offline; exit code 1 and the failing part named when anything does not hold. 离线验证回执"""
    from exchange_api.evidence.receipt import read_jwks, verify_receipt

    jwks, source = read_jwks(keys)
    report = verify_receipt(file.read_bytes(), jwks)
    if as_json:
        checks = [
            {"name": check.name, "ok": check.ok, "detail": check.detail, "weak": check.is_weak}
            for check in report.checks
        ]
        typer.echo(
            json.dumps(
                {
                    "verified": report.verified,
                    "weak": report.weak is not None,
                    "failed": report.failed,
                    "keys": str(source),
                    "checks": checks,
                },
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        for check in report.checks:
            _tell(check)
        typer.echo(
            ("回执有效 verified" if report.verified else f"回执无效 NOT verified: {report.failed}")
            + f"  (keys: {source})"
        )
    raise typer.Exit(0 if report.verified else 1)


def _tell(check: "Check") -> None:
    """Print one check: what it proves, or what is wrong."""
    chinese, english = (WEAK if check.is_weak else MEANING).get(check.name, (check.name, check.name))
    mark, colour = ("✓", typer.colors.GREEN) if check.ok else ("✗", typer.colors.RED)
    mark, colour = ("△", typer.colors.YELLOW) if check.is_weak else (mark, colour)
    typer.echo(f"{typer.style(mark, fg=colour)} {chinese} · {english}")
    if not check.ok:
        typer.echo(f"    {check.name}: {check.detail}")
