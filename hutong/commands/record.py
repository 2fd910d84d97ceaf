"""Why: look at one record and see where each value came from. Called by `hutong record`; the reading is `libraries.record`'s."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from libraries.record import HIGHEST_AUTHORITY, MOST_RECENT, ONLY_SOURCE, explain
from schemas.calendar import CHINA
from schemas.codes import code_table
from schemas.database import transaction
from schemas.library import LIBRARIES, library

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Records and their sources. 记录及其来源")

WORDS = {
    "zh": {
        "attribute": "信息项", "value": "值", "department": "来源", "batches": "批次", "why": "理由", "others": "其他来源的值",
        "version": "版本", "past": "历史版本", "conflicts": "来源不一致", "closed": "已消除",
        ONLY_SOURCE: "唯一来源", MOST_RECENT: "时间最近", HIGHEST_AUTHORITY: "权威来源",
    },
    "en": {
        "attribute": "item", "value": "value", "department": "source", "batches": "batches", "why": "why", "others": "others say",
        "version": "version", "past": "past versions", "conflicts": "sources disagree", "closed": "settled",
        ONLY_SOURCE: ONLY_SOURCE, MOST_RECENT: MOST_RECENT, HIGHEST_AUTHORITY: HIGHEST_AUTHORITY,
    },
}  # fmt: skip


@app.callback()
def family() -> None:
    """Records and their sources. 记录及其来源"""


@app.command()
def show(
    library_name: Annotated[str, typer.Argument(metavar="LIBRARY", help=" | ".join(LIBRARIES))],
    subject: Annotated[str, typer.Argument(help="Code of the subject, or key of an entry. 主体代码或条目标识")],
    explained: Annotated[
        bool, typer.Option("--explain", help="Say where each value came from and who says otherwise. 说明来源")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")] = False,
    lang: Annotated[str, typer.Option("--lang", envvar="HUTONG_LANGUAGE", help="zh | en")] = "zh",
) -> None:
    """Show all records about a subject; an unknown one ends with exit code 1. 查看主体的全部记录"""
    with transaction("reader") as session:
        found = explain(session, library_name, subject)
    if as_json:
        typer.echo(json.dumps(found if explained else _values(found), ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    for record in found["records"]:
        _print(console, found, record, WORDS.get(lang, WORDS["zh"]), explained)


def _values(found: dict[str, Any]) -> dict[str, Any]:
    records = [
        {
            "key": record["key"],
            "version": record["version"],
            **{item["id"]: item["value"] for item in record["attributes"]},
        }
        for record in found["records"]
    ]
    return {"library": found["library"], "subject": found["subject"], "records": records}


def _print(
    console: Console, found: dict[str, Any], record: dict[str, Any], words: dict[str, str], explained: bool
) -> None:
    chinese = words is WORDS["zh"]
    name = found["name"]["zh" if chinese else "en"]
    title = (
        f"{name} {record['key']} · {words['version']} {record['version']} · {words['past']} {record['past_versions']}"
    )
    columns = ("attribute", "value", "department", "why", "others") if explained else ("attribute", "value")
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(words[column], overflow="fold")
    known = [item for item in record["attributes"] if item["value"] is not None]
    for item in known:
        table.add_row(*_cells(found["library"], item, words, chinese)[: len(columns)])
    console.print(title, style="bold")
    console.print(table)
    if explained:
        _print_batches(console, known, words, chinese)
    for conflict in record["conflicts"] if explained else []:
        console.print(_conflict(found["library"], conflict, words, chinese))


def _print_batches(console: Console, known: list[dict[str, Any]], words: dict[str, str], chinese: bool) -> None:
    """One line a source: which batch its values came with, and when."""
    console.print(words["batches"], style="dim")
    sources = {(_department(item, chinese), item["batch"], _local(item["asserted_at"])) for item in known}
    for department, batch, when in sorted(sources):
        console.print(f"  {department} · {batch} · {when}", soft_wrap=True)


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def _cells(library_name: str, item: dict[str, Any], words: dict[str, str], chinese: bool) -> tuple[str, ...]:
    reason = str(item["why"]).partition(":")[0]
    others = "\n".join(f"{other['value']} ({_department(other, chinese)})" for other in item["others"])
    label = item["name"] if chinese else item["id"]
    return label, _spelled_out(library_name, item), _department(item, chinese), words.get(reason, reason), others


def _spelled_out(library_name: str, item: dict[str, Any]) -> str:
    """A code with its label, any other value as it is."""
    value, table = str(item["value"]), library(library_name).attribute(item["id"]).code_table
    if table is None or value not in code_table(table).entries:
        return value
    return f"{value} {code_table(table).label(value)}"


def _department(claim: dict[str, Any], chinese: bool) -> str:
    return str(claim["department_name"] if chinese else claim["department"])


def _conflict(library_name: str, conflict: dict[str, Any], words: dict[str, str], chinese: bool) -> str:
    label = library(library_name).attribute(conflict["attribute"]).name if chinese else conflict["attribute"]
    values = " ≠ ".join(f"{claim['value']} ({claim['source']})" for claim in conflict["claims"])
    closed = f" · {words['closed']} {conflict['closed_at'][:16]}" if conflict["closed_at"] else ""
    return f"[yellow]{words['conflicts']}[/] {label}: {values}{closed}"
