"""Why: anyone can check what the hub answered, offline, with public keys only. Called by `hutong verify`; needs no running service."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from exchange_api.evidence.receipt import Check, Report

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
    "witnesses": ("日志检查点经见证方见证", "witnesses cosigned the log's checkpoint"),
    "time_stamp": ("日志检查点加盖可信时间戳", "a time stamping authority stamped the log's checkpoint"),
}
UNCHECKED = ("（未核验）", "(not checked)")
Keys = Annotated[Path | None, typer.Option(help="The hub's JWKS file; default: keys/jwks.json of this installation")]
WitnessKeys = Annotated[
    list[str] | None,
    typer.Option("--witness-key", help="A witness's key, as `hutong witness show` prints it; repeat. 见证方公钥"),
]
Needed = Annotated[
    int | None, typer.Option("--witnesses-needed", min=0, help="How many of them must have cosigned. 至少几方见证")
]
Authority = Annotated[
    Path | None,
    typer.Option("--tsa-roots", help="PEM file of the time stamping authority; then a stamp is needed. 时间戳机构根证书", exists=True),
]  # fmt: skip
Policy = Annotated[str | None, typer.Option("--tsa-policy", help="Policy (OID) the stamp must name. 时间戳策略")]


def verify(  # noqa: PLR0913 - each is an option of the command
    file: Annotated[Path, typer.Argument(help="Receipt file", exists=True, dir_okay=False)],
    keys: Keys = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    witness_key: WitnessKeys = None,
    witnesses_needed: Needed = None,
    tsa_roots: Authority = None,
    tsa_policy: Policy = None,
) -> None:
    """Check a receipt offline; exit code 1 and the failing part named when anything does not hold. 离线验证回执"""
    from exchange_api.evidence.cosignature import VerifierKey
    from exchange_api.evidence.receipt import read_jwks, verify_receipt
    from exchange_api.evidence.voucher_checks import Trust

    jwks, source = read_jwks(keys)
    witnesses = tuple(VerifierKey.parse(one) for one in witness_key or ())
    needed = len(witnesses) if witnesses_needed is None else witnesses_needed
    pem = tsa_roots.read_bytes() if tsa_roots else None
    report = verify_receipt(file.read_bytes(), jwks, Trust(witnesses, needed, pem, tsa_policy, pem is not None))
    if as_json:
        typer.echo(json.dumps(_told(report, source), ensure_ascii=False, indent=2))
    else:
        for check in report.checks:
            _tell(check)
        verdict = "回执有效 verified" if report.verified else f"回执无效 NOT verified: {report.failed}"
        typer.echo(f"{verdict}  (keys: {source})")
    raise typer.Exit(0 if report.verified else 1)


def _told(report: "Report", source: Path) -> dict[str, object]:
    return {
        "verified": report.verified,
        "weak": report.weak is not None,
        "failed": report.failed,
        "keys": str(source),
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "detail": check.detail,
                "weak": check.is_weak,
                "unchecked": check.is_unchecked,
            }
            for check in report.checks
        ],
    }


def _tell(check: "Check") -> None:
    """Print one check: what it proves, or what is wrong."""
    chinese, english = (WEAK if check.is_weak else MEANING).get(check.name, (check.name, check.name))
    mark, colour = ("✓", typer.colors.GREEN) if check.ok else ("✗", typer.colors.RED)
    if check.is_weak or check.is_unchecked:
        mark, colour = ("△" if check.is_weak else "○", typer.colors.YELLOW)
    suffix = UNCHECKED if check.is_unchecked else ("", "")
    typer.echo(f"{typer.style(mark, fg=colour)} {chinese}{suffix[0]} · {english} {suffix[1]}".rstrip())
    if not check.ok or check.is_unchecked or check.name == "response_signature":  # who signed: one key, or two
        typer.echo(f"    {check.name}: {check.detail}")
