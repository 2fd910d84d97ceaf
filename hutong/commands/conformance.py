"""Why: whoever runs or buys a deployment must be able to hold it against docs/protocol.md without trusting it.
Called by `hutong conformance`; needs HTTP only.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from exchange_api.conformance.kit import Finding, Report

_MARKS = {
    "held": ("✓", typer.colors.GREEN),
    "broken": ("✗", typer.colors.RED),
    "unchecked": ("–", typer.colors.YELLOW),
}


def conformance(  # noqa: PLR0913 - each is an option of the command
    url: Annotated[str, typer.Argument(help="Address of the deployment. 部署地址")],
    key: Annotated[Path | None, typer.Option(help="Private key of an application, PEM. 应用系统私钥", exists=True)] = None,
    grant: Annotated[str | None, typer.Option(help="A grant of that application. 授权编号")] = None,
    library: Annotated[str, typer.Option(help="The grant's library. 授权所在基础库")] = "population",
    service_item: Annotated[str | None, typer.Option(help="The grant's service item. 政务服务事项")] = None,
    case: Annotated[str, typer.Option(help="Case number to name. 办件编号")] = "conformance",
    subject_file: Annotated[
        Path | None, typer.Option(help="Whom to ask for, one a line; never on the command line. 查询对象文件", exists=True)
    ] = None,
    jwks: Annotated[Path | None, typer.Option(help="The hub's keys as handed over. 登记时交付的平台公钥", exists=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:  # fmt: skip
    """Check a deployment from outside against every rule of the protocol; exit code 1 when one does not hold. 协议符合性检查

    Without a key it checks what anybody can see; without a grant, what an application without one can. Each failing check names fact and rule.
    """
    from exchange_api.conformance.kit import examine
    from exchange_api.conformance.probe import Given
    from exchange_api.signing import SoftwareSigner

    given = Given(
        url=url.rstrip("/"),
        signer=SoftwareSigner.from_pem(key.read_bytes()) if key else None,
        grant=grant,
        library=library,
        purpose={"service_item": service_item, "case": case} if service_item else {},
        subjects=_lines(subject_file),
        jwks=json.loads(jwks.read_text("utf-8")) if jwks else None,
    )
    report = examine(given, (lambda _: None) if as_json else _tell)
    _conclude(report, is_json=as_json)
    raise typer.Exit(1 if report.broken else 0)


def _conclude(report: "Report", *, is_json: bool) -> None:
    told = report.document()
    if is_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    words = (
        ("符合协议 conforms", typer.colors.GREEN)
        if told["conforms"]
        else ("不符合协议 does NOT conform", typer.colors.RED)
    )
    typer.echo(typer.style(words[0], fg=words[1]), nl=False)
    typer.echo(f"  {told['held']} ✓  {told['broken']} ✗  {told['unchecked']} –")


def _lines(file: Path | None) -> tuple[str, ...]:
    return tuple(line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()) if file else ()


def _tell(finding: "Finding") -> None:
    mark, colour = _MARKS[finding.state]
    typer.echo(f"{typer.style(mark, fg=colour)} {finding.number:2} {finding.rule.zh} · {finding.rule.en}")
    if finding.state != "held":
        typer.echo(f"     [{finding.rule.id}] {finding.fact}")
