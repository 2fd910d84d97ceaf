"""Why: see and fill the directory of certificate types. Called by `hutong certificate types`."""

from pathlib import Path
from typing import Annotated

import typer

from hutong.commands.certificate.words import print_findings
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.certificates import types
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Directory of certificate types. 证照类型目录")


@app.command("list")
def list_(
    words: Annotated[str, typer.Argument(help="Part of the name or code. 名称或代码的一部分")] = "",
) -> None:
    """List the types of the directory. 列出证照类型"""
    table = plain_table("code 代码", "name 名称", "authority 定义机构", "holders 持证主体", "validity 有效期限")
    with transaction("reader") as session:
        for one in types.find(session, words):
            table.add_row(
                one.code, one.name, one.authority_name or one.authority_code, one.holder_kind, one.validity or "—"
            )
    print_table(table)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: 证照类型代码, 证照类型名称, 证照定义机构, 持证主体类型, 有效期限, 模板字段",
        ),
    ],
) -> None:
    """Take types in from a CSV; those not in it stay. Ends with code 1 when a row was left out. 导入证照类型"""
    done = types.import_file(file)
    typer.echo(
        f"added 新增 {done.added}, changed 变更 {done.changed}, unchanged 未变 {done.unchanged}, left out 未导入 {done.findings.refused}"
    )
    print_findings(done.findings)
    if done.findings.refused:
        raise typer.Exit(1)
