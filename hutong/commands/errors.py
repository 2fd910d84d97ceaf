"""Why: an operator who meets a code wants its meaning and its remedy without searching. Called by `hutong errors`; also writes docs/errors.md."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from schemas.errors import ErrorCode, error_codes


def errors(
    code: Annotated[str | None, typer.Argument(help="A code, or the beginning of some, e.g. signature.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the page docs/errors.md.")] = False,
) -> None:
    """List error codes with their meaning and remedy. 错误代码与处理办法"""
    found = [entry for entry in error_codes().values() if entry.code.startswith(code or "")]
    if markdown:
        typer.echo(
            "\n".join(
                [
                    "# Error codes 错误代码",
                    "",
                    "Written by `hutong errors --markdown`; the words live in `schemas/error_codes/`.",
                    "",
                ]
            )
        )
        typer.echo(
            "\n".join(["| code | status | meaning | remedy |", "|---|---|---|---|", *(_row(entry) for entry in found)])
        )
        return
    table = Table("代码", "状态", "含义", "处理办法", show_lines=True)
    for entry in found:
        table.add_row(entry.code, str(entry.status), entry.title["zh"], entry.remedy["zh"])
    Console().print(table)


def _row(entry: ErrorCode) -> str:
    words = (f"{text['zh']}<br>{text['en']}".replace("|", "\\|") for text in (entry.title, entry.remedy))
    return f"| `{entry.code}` | {entry.status} | {' | '.join(words)} |"
