"""Why: what drafts still lack before anyone may review or publish them, from a shell. Part of `hutong catalog`; it only looks."""

import json
from typing import Annotated, Any

import typer

from catalog import directory
from catalog.gaps import Gap
from hutong.commands.catalog.naming import resource_id
from hutong.commands.tables import plain_table, show
from schemas.database import transaction

app = typer.Typer()


@app.command()
def gaps(
    resource: Annotated[str | None, typer.Argument(help="Resource id or code; default every draft.")] = None,
    department: Annotated[str | None, typer.Option(help="Only this department's drafts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what keeps drafts from publication, and what else could be better. 查看草稿缺项"""
    with transaction("reader") as session:
        if resource:
            it = resource_id(session, resource)
            found = {it: directory.gaps_of(session, it)}
        else:
            found = directory.gaps_of_drafts(session, department_id=department)
    if as_json:
        typer.echo(json.dumps({one: [*map(_told, gaps)] for one, gaps in found.items()}, ensure_ascii=False, indent=2))
    elif resource:
        _print_each(found)
    else:
        _print_counts(found)


def _print_each(found: dict[str, list[Gap]]) -> None:
    for one, gaps in found.items():
        typer.echo(f"{one}: {sum(gap.is_blocking for gap in gaps)} blocking, {len(gaps)} in all")
        for gap in gaps:
            mark = "!" if gap.is_blocking else " "
            typer.echo(f"  {mark} {gap.field}: {gap.words('zh')}{gap.remedy('zh')}")
            typer.echo(f"      {gap.words('en')} {gap.remedy('en')}")


def _print_counts(found: dict[str, list[Gap]]) -> None:
    table = plain_table("资源", "须补正", "建议", "首项")
    for one, gaps in found.items():
        blocking = sum(gap.is_blocking for gap in gaps)
        table.add_row(one, str(blocking), str(len(gaps) - blocking), gaps[0].words("zh") if gaps else "-")
    show(table)


def _told(gap: Gap) -> dict[str, Any]:
    words = {language: f"{gap.words(language)} {gap.remedy(language)}" for language in ("zh", "en")}
    return {"field": gap.field, "code": gap.code, "is_blocking": gap.is_blocking, "words": words}
