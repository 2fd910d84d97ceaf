"""Why: a steward says which key followed which: a corrected citizen id, a re-issued code, two firms that became one. Called by `hutong identity`."""

from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import identities
from libraries.disputing.listing import masked_key
from libraries.identities import Change
from schemas.database import transaction
from schemas.grounds import Grounds
from schemas.library import library

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Keys that followed one another. 身份变更")
LibraryName = Annotated[str, typer.Argument(metavar="LIBRARY", help="population | legal_entity | … 基础库")]
By = Annotated[str, typer.Option("--by", help="Who decides. 登记人")]
Reason = Annotated[str, typer.Option("--reason", help="On what basis, so that others can check it. 依据")]
KINDS = {"changed": "变更 changed", "merged": "合并 merged", "split": "分立 split"}


@app.command()
def link(
    library_name: LibraryName,
    keys: Annotated[
        tuple[str, str],
        typer.Argument(metavar="FORMER NEW", help="The former key and the one that followed it. 原标识与新标识"),
    ],
    reason: Reason,
    by: By,
    kind: Annotated[str, typer.Option(help="changed 变更 | merged 合并 | split 分立")] = "changed",
) -> None:
    """Write down that one key followed another; the same again changes nothing. 登记身份变更"""
    with transaction("ingest") as session:
        made = identities.link(session, Change(library_name, *keys, kind), Grounds(reason, by))
        typer.echo(f"link 关联 {made.id}: {KINDS[made.kind]}")


@app.command()
def unlink(
    number: Annotated[int, typer.Argument(metavar="LINK", help="As hutong identity list numbers it. 关联编号")],
    reason: Reason,
    by: By,
) -> None:
    """Withdraw a link; it stays on record. 撤销关联"""
    with transaction("ingest") as session:
        found = identities.unlink(session, number, Grounds(reason, by))
        typer.echo(f"{found.id}: withdrawn 已撤销 {found.withdrawn_at:%Y-%m-%d %H:%M} {found.withdrawn_by}")


@app.command("list")
def list_(
    library_name: Annotated[str | None, typer.Option("--library", help="Only of this library. 基础库")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Withdrawn ones too. 包括已撤销的")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print keys in clear. 明文显示")] = False,
) -> None:
    """List which key followed which; keys of persons masked. 列出身份变更"""
    table = plain_table(
        "link 关联", "library 基础库", "former 原标识", "new 新标识", "kind 类型", "by 登记", "reason 依据"
    )
    with transaction("reader") as session:
        for one in identities.find(session, library_name, withdrawn=everything):
            spec = library(one.library)
            keys = [key if reveal else masked_key(spec, key) for key in (one.from_key, one.to_key)]
            ended = f" (withdrawn 已撤销: {one.withdrawn_reason})" if one.withdrawn_at else ""
            table.add_row(str(one.id), one.library, *keys, KINDS[one.kind], one.linked_by, f"{one.reason}{ended}")
    print_table(table)
