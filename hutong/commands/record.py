"""Why: look at one record and see where each value came from. Called by `hutong record`; the reading is `libraries.record`'s."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from libraries.record import HIGHEST_AUTHORITY, LEFT_OUT, MOST_RECENT, ONLY_SOURCE, RULED, TOOK_BACK, explain
from schemas.calendar import CHINA
from schemas.codes import code_table
from schemas.database import transaction
from schemas.library import LIBRARIES, library

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Records and their sources. 记录及其来源")

_MOMENTS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="What was true on this day. 该日为真的内容", metavar="DAY"),
]
KnownAt = Annotated[
    datetime | None,
    typer.Option(
        "--known-at", formats=_MOMENTS, metavar="TIME",
        help="What the hub believed at this moment; without offset in China's time. 枢纽当时所知；不写时区即北京时间",
    ),
]  # fmt: skip
WORDS = {
    "zh": {
        "attribute": "信息项", "value": "值", "department": "来源", "batches": "批次", "why": "理由", "others": "其他来源的值",
        "version": "版本", "past": "历史版本", "conflicts": "来源不一致", "closed": "已消除",
        "replaced_by": "现标识", "replaces": "原标识",
        ONLY_SOURCE: "唯一来源", MOST_RECENT: "时间最近", HIGHEST_AUTHORITY: "权威来源", RULED: "管理员裁定",
        "as_of": "当日为真", "known_at": "截至当时所知", TOOK_BACK: "起改报空值", LEFT_OUT: "起不再报送",
    },
    "en": {
        "attribute": "item", "value": "value", "department": "source", "batches": "batches", "why": "why", "others": "others say",
        "version": "version", "past": "past versions", "conflicts": "sources disagree", "closed": "settled",
        "replaced_by": "replaced by", "replaces": "replaces",
        ONLY_SOURCE: ONLY_SOURCE, MOST_RECENT: MOST_RECENT, HIGHEST_AUTHORITY: HIGHEST_AUTHORITY, RULED: RULED,
        "as_of": "true on", "known_at": "as known at", TOOK_BACK: "said nothing since", LEFT_OUT: "left it out since",
    },
}  # fmt: skip


@app.callback()
def family() -> None:
    """Records and their sources. 记录及其来源"""


@app.command()
def show(  # noqa: PLR0913 - each is an option of the command
    library_name: Annotated[str, typer.Argument(metavar="LIBRARY", help=" | ".join(LIBRARIES))],
    subject: Annotated[str, typer.Argument(help="Code of the subject, or key of an entry. 主体代码或条目标识")],
    explained: Annotated[
        bool, typer.Option("--explain", help="Say where each value came from and who says otherwise. 说明来源")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")] = False,
    lang: Annotated[str, typer.Option("--lang", envvar="HUTONG_LANGUAGE", help="zh | en")] = "zh",
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """Show all records about a subject; an unknown one ends with exit code 1. 查看主体的全部记录"""
    moment = known_at.replace(tzinfo=CHINA) if known_at and known_at.tzinfo is None else known_at
    with transaction("reader") as session:
        found = explain(session, library_name, subject, moment, as_of.date() if as_of else None)
    if as_json:
        typer.echo(json.dumps(found if explained else _values(found), ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    for record in found["records"]:
        _print(console, found, record, WORDS.get(lang, WORDS["zh"]), explained)
    _print_identity(console, found["identity"], WORDS.get(lang, WORDS["zh"]))


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(help="Receipt file with its bodies. 含正文的回执文件", exists=True, dir_okay=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")] = False,
) -> None:
    """Ask a receipt's question again as of its moment and compare; exit code 1 when anything differs. 按回执当时所知重放查询并比对

    The receipt itself is held against signatures and log by `hutong verify`. 回执本身的真伪请用 hutong verify 验证。
    """
    from exchange_api.replaying import replay as ask_again

    found = ask_again(file.read_bytes())
    if as_json:
        typer.echo(json.dumps({"same": found.is_same, **asdict(found)}, ensure_ascii=False, indent=2))
    elif found.is_same:
        typer.echo(f"一致 the same: {found.receipt} · {_local(found.known_at)} · {found.found}")
    else:
        typer.echo(f"不一致 different: {found.receipt} · {_local(found.known_at)}")
        typer.echo(f"  {found.stated} ≠ {found.found}")
        for part in found.differing:
            typer.echo(f"  {part}")
    raise typer.Exit(0 if found.is_same else 1)


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
    version = f" · {words['version']} {record['version']}" if record["version"] else ""
    title = f"{name} {record['key']}{version} · {words['past']} {record['past_versions']}{_time(found, words)}"
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
        _print_silences(console, record, words, chinese)
    for conflict in record["conflicts"] if explained else []:
        console.print(_conflict(found["library"], conflict, words, chinese))


def _print_batches(console: Console, known: list[dict[str, Any]], words: dict[str, str], chinese: bool) -> None:
    """One line a source: which batch its values came with, and when."""
    console.print(words["batches"], style="dim")
    sources = {(_department(item, chinese), item["batch"], _local(item["asserted_at"])) for item in known}
    for department, batch, when in sorted(sources):
        console.print(f"  {department} · {batch} · {when}", soft_wrap=True)


def _print_silences(console: Console, record: dict[str, Any], words: dict[str, str], chinese: bool) -> None:
    """One line for each word that a source once gave and gives no more."""
    for item in record["attributes"]:
        for silence in item["silent"]:
            label = item["name"] if chinese else item["id"]
            since = _local(silence["since"]) if silence["since"] else "?"
            by = f"{_department(silence, chinese)} {since} {words[silence['how']]}"
            by = by if chinese else f"{_department(silence, chinese)} {words[silence['how']]} {since}"
            console.print(f"  {label}: {by} ({silence['value']})", soft_wrap=True, style="dim")


def _time(found: dict[str, Any], words: dict[str, str]) -> str:
    day = f" · {words['as_of']} {found['as_of']}" if found["as_of"] else ""
    return f"{day} · {words['known_at']} {_local(found['known_at'])}" if found["known_at"] else day


def _print_identity(console: Console, identity: dict[str, Any], words: dict[str, str]) -> None:
    """Say which keys followed the one asked for, and which it followed; no record is shown for another."""
    for way, links in identity.items():
        for link in links:
            console.print(f"[yellow]{words[way]}[/] {link['key']} ({link['kind']}) · {link['reason']}", soft_wrap=True)


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
