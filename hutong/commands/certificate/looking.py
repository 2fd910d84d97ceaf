"""Why: look at one certificate as an asker would meet it, at what is odd about all of them, at how far stock is digitised; make identifiers.
Called by `hutong certificate`.
"""

from pathlib import Path
from typing import Annotated

import typer

from hutong.commands.certificate.words import FLAGS, print_findings
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.certificates import flags, progress, standing
from schemas.codes import code_table
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.identifiers import issue_certificate_identifier, next_certificate_version

app = typer.Typer(no_args_is_help=True, add_completion=False)
Identifier = Annotated[str, typer.Argument(metavar="IDENTIFIER", help="Certificate identifier. 电子证照标识")]


@app.command()
def issue(
    type_code: Annotated[str, typer.Argument(metavar="TYPE", help="Type code, 21 characters. 证照类型代码")],
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="USCC of the issuer. 颁发机构统一社会信用代码")],
    serial: Annotated[str, typer.Argument(help="Serial, digits and capitals. 流水号")],
    version: Annotated[int, typer.Option(help="Version, 1 first. 版本号")] = 1,
) -> None:
    """Print the identifier of a certificate to be issued (GB/T 36904). 生成电子证照标识"""
    typer.echo(issue_certificate_identifier(type_code, issuer, serial, version))


@app.command("next")
def next_(identifier: Identifier) -> None:
    """Print the identifier of the certificate's next version. 生成下一版本的标识"""
    typer.echo(next_certificate_version(identifier))


@app.command()
def show(identifier: Identifier) -> None:
    """Say how a certificate stands: its own state, whether a newer version supersedes it, what is odd, its file. No personal data. 查看证照状态"""
    with transaction("reader") as session:
        found = standing.read(session, identifier)
    typer.echo(f"{found.entry}\n  {found.certificate_type or '—'}, {found.issuer or '—'}")
    label = code_table("certificate_state").entries.get(found.state or "", "—")
    typer.echo(f"  登记状态 state in the register: {found.state or '—'} {label}")
    typer.echo(f"  对外状态 told to askers: {found.status}" + (f" ({found.reason})" if found.reason else ""))
    if found.superseded_by:
        typer.echo(f"  已由新版本更替 superseded by: {found.superseded_by}")
    typer.echo(f"  签章 seal: {found.seal or '—'}" + (f" {found.signers}" if found.signers else ""))
    for flag in found.flags:
        typer.echo(f"  ! {flag}: {FLAGS[flag]}")


@app.command("flags")
def flags_(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="List entries with this flag; may repeat. 列出条目")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries to list.")] = 50,
) -> None:
    """Count the entries that conform to no standard or contradict themselves, or list those of a kind. 不规范证照清单"""
    if unknown := sorted(set(kind or ()) - set(flags.KINDS)):
        raise Invalid("certificate.unknown_flag", flag=", ".join(unknown), known=", ".join(flags.KINDS))
    with transaction("reader") as session:
        if kind:
            table = plain_table("identifier 标识", "flags 问题")
            for one in flags.find(session, kind, limit):
                table.add_row(one.entry, ", ".join(one.kinds))
        else:
            table = plain_table("flag 问题", "entries 条目", "meaning 说明")
            for name, number in flags.count(session).items():
                table.add_row(name, f"{number:,}", FLAGS[name])
    print_table(table)


@app.command("progress")
def progress_(
    targets: Annotated[
        Path | None,
        typer.Option("--import", exists=True, dir_okay=False, help="Take declared stock in first: CSV. 导入存量数"),
    ] = None,
    type_code: Annotated[str | None, typer.Option("--type", help="Only this type code. 证照类型代码")] = None,
) -> None:
    """Show per type and issuer how much of the last five years' stock is in the library, and how much with its file. 存量证照数字化进度"""
    if targets:
        taken, findings = progress.import_targets(targets)
        typer.echo(f"{targets.name}: {taken} rows / {taken} 行")
        print_findings(findings)
    table = plain_table(
        "type 类型", "issuer 颁发机构", "declared 存量", "entries 已入库", "share 比例", "files 有文件", "share 比例"
    )
    with transaction("reader") as session:
        for one in progress.read(session, type_code):
            declared = f"{one.declared:,}" if one.declared is not None else "—"
            shares = (_share(one.share), _share(one.file_share))
            name = f"{one.type_code} {one.type_name or ''}".strip()
            table.add_row(name, one.issuer_code, declared, f"{one.entries:,}", shares[0], f"{one.files:,}", shares[1])
    print_table(table)


def _share(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.1%}"
