"""Why: an operator who meets a code wants its meaning and its remedy without searching. Called by `hutong errors`; also writes docs/errors.md."""

from typing import Annotated

import typer

from schemas.errors import ErrorCode, Language, error_codes

LANGUAGES: tuple[Language, ...] = ("zh", "en")


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
    for entry in found:
        typer.echo(f"{entry.code}  [{entry.status}]")
        for language in LANGUAGES:
            typer.echo(f"  {entry.title[language]}\n    → {entry.remedy[language]}")


def _row(entry: ErrorCode) -> str:
    words = (f"{text['zh']}<br>{text['en']}".replace("|", "\\|") for text in (entry.title, entry.remedy))
    return f"| `{entry.code}` | {entry.status} | {' | '.join(words)} |"
