"""Why: an office without a program of its own, or an engineer at a new connection, asks the hub one question as an application system would: signed, its
answer verified, the receipt kept. Called by `hutong ask`; uses the SDK only, so it runs wherever the hub can be reached.

Subjects come in by the standard input: whatever stands among a program's arguments is seen by everybody on the machine and kept in the shell's history.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hutong.commands import ask_copies
from hutong.commands.tables import plain_table, show
from schemas.errors import Invalid

if TYPE_CHECKING:
    from exchange_api.client import Hub, Records, Rehearsal, Verdicts

_SEEN = "⚠ 参数中的内容同机用户可见，请改用标准输入。What stands in arguments is seen by others on this machine: use the standard input."
_BLANK_ENDS = "对象代码，每行一个，空行结束 Subjects, one a line, an empty line ends"


@dataclass(frozen=True)
class Said:
    """What the options say of the question."""

    library: str
    grant: str
    purpose: Mapping[str, str]
    items: list[str] | None
    claims: list[str]
    as_of: str | None
    is_dry_run: bool


Library = Annotated[str, typer.Argument(help="Library: population, legal_entity, … 基础库")]
Grant = Annotated[str, typer.Option(help="Grant, SQ-… 授权编号")]
Item = Annotated[str, typer.Option(help="Service item the grant is for. 服务事项")]
Case = Annotated[str | None, typer.Option(help="Number of the case. 办件编号")]
Subject = Annotated[
    list[str] | None, typer.Option(help="- reads them from the standard input (default). 对象代码，缺省读标准输入")
]
Wanted = Annotated[list[str] | None, typer.Option("--item", help="Attribute to hand out; repeat. 所需属性，可重复")]
AsOf = Annotated[str | None, typer.Option(help="What was true on this day, YYYY-MM-DD. 查询某日情况")]
Claims = Annotated[list[str] | None, typer.Option("--verify", metavar="ITEM[=VALUE]", help="Ask yes or no; a missing value is read. 核验")]  # fmt: skip
Dry = Annotated[bool, typer.Option("--dry-run", help="All checks, no data. 仅校验，不取数")]
Key = Annotated[Path, typer.Option(envvar="HUTONG_ASK_KEY", exists=True, dir_okay=False, help="The application's private key, PEM. 私钥")]  # fmt: skip
Url = Annotated[str, typer.Option(envvar="HUTONG_API_URL", help="Address of the hub. 平台地址")]
Keys = Annotated[Path | None, typer.Option(help="The hub's JWKS file; default: that of this installation. 平台公钥")]
Folder = Annotated[Path | None, typer.Option(help="Where receipts are kept; default var/receipts. 凭证目录")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for the proof. 等待存证的秒数")]
Changes = Annotated[Path | None, typer.Option("--changes", metavar="FILE", help="Append what changed since last time, JSON lines. 变更追加到文件")]  # fmt: skip
InBulk = Annotated[Path | None, typer.Option("--export", metavar="FOLDER", help="Ask for an export, wait, fetch its files. 批量导出到目录")]  # fmt: skip
Format = Annotated[str, typer.Option("--format", help="Of an export: parquet or ndjson. 导出格式")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def ask(  # noqa: PLR0913 - each is an option of the command
    library: Library, grant: Grant, service_item: Item, key: Key, case: Case = None, subject: Subject = None,
    item: Wanted = None, as_of: AsOf = None, verify: Claims = None, dry_run: Dry = False, url: Url = "http://127.0.0.1:8000",
    keys: Keys = None, receipts: Folder = None, wait: Wait = 2, as_json: AsJson = False,
    changes: Changes = None, export: InBulk = None, format_: Format = "parquet",
) -> None:  # fmt: skip
    """Ask the hub one signed question and keep the receipt; exit code 1 for a refusal. 向平台发起一次签名查询或核验"""
    from exchange_api.client import Hub, Refused
    from exchange_api.evidence.receipt import read_jwks
    from schemas.settings import HomeSettings

    purpose = {"service_item": service_item} | ({"case": case} if case else {})
    said = Said(library, grant, purpose, item or None, verify or [], as_of, dry_run)
    hub = Hub(url, key, read_jwks(keys)[0], receipts or HomeSettings().var / "receipts")
    if changes or export:
        kind: Any = format_
        ask_copies.fetch(hub, ask_copies.Bulk(grant, purpose, changes, export, kind, tuple(item or ())))
        return
    subjects = _subjects(subject or ["-"], is_one=bool(verify))
    try:
        result = _asked(hub, said, subjects)
    except Refused as refused:
        _keep(hub, refused.receipt_id, wait)
        if not as_json:
            raise
        typer.echo(json.dumps(refused.document, ensure_ascii=False, indent=2))
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(result.document, ensure_ascii=False, indent=2))
    else:
        _tell(result)
    _keep(hub, result.receipt_id, wait)


def _asked(hub: "Hub", said: Said, subjects: list[str]) -> "Records | Rehearsal | Verdicts":
    if said.claims:
        claim = {"subject": subjects[0], "values": _values(said.claims)}
        return hub.verify(said.library, said.grant, said.purpose, [claim])
    wish: Any = {"items": said.items} | ({"as_of": said.as_of} if said.as_of else {})
    return (hub.dry_run if said.is_dry_run else hub.query)(said.library, said.grant, said.purpose, subjects, **wish)


def _subjects(given: Sequence[str], *, is_one: bool) -> list[str]:
    """Return the subjects: from the standard input, or from the arguments with a warning. Raises Invalid client.nobody."""
    if list(given) != ["-"]:
        typer.echo(_SEEN, err=True)
        found = list(given)
    else:
        if sys.stdin.isatty():
            typer.echo(_BLANK_ENDS, err=True)
        lines = _lines()
        found = [next(lines, "")] if is_one else list(lines)
    if not any(found):
        raise Invalid("client.nobody")
    return found


def _values(claims: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for claim in claims:
        name, given, value = claim.partition("=")
        if given:
            typer.echo(_SEEN, err=True)
        elif sys.stdin.isatty():
            typer.echo(f"{name}:", err=True)
        values[name] = value if given else next(_lines(), "")
    return values


def _lines() -> Iterator[str]:
    """Yield lines of the standard input up to an empty one or its end."""
    while line := sys.stdin.readline().strip():
        yield line


def _tell(result: "Records | Rehearsal | Verdicts") -> None:
    from exchange_api.client import Records, Verdicts

    if isinstance(result, Records):
        _tell_records(result)
    elif isinstance(result, Verdicts):
        table = plain_table("属性 Attribute", "相符 Matches")
        for verdict in result.verdicts:
            for name, is_right in verdict.matches.items():
                table.add_row(_named(result.library, name), "是 yes" if is_right else "否 no")
        show(table)
    else:
        table = plain_table("属性 Attribute", "形式 Form")
        for name, form in result.would_answer.items():
            table.add_row(_named(result.library, name), form)
        show(table)


def _tell_records(result: "Records") -> None:
    table = plain_table("对象 Subject", "属性 Attribute", "值 Value", "来源 Source")
    for record in result.records:
        if not record.found:
            table.add_row(record.key, "-", "未找到 not found", "")
        for name, value in record.values.items():
            source = record.sources.get(name)
            told = "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            table.add_row(record.key, _named(result.library, name), told, (source and source.resource) or "")
    show(table)
    typer.echo(
        f"数据时点 As known at {result.known_at}"
        + (f"，{result.as_of} 的情况 true on that day" if result.as_of else "")
    )


def _named(library_name: str, attribute: str) -> str:
    """Return the attribute with its Chinese name; libraries declared elsewhere are not known here."""
    from schemas.library import library

    try:
        return f"{library(library_name).attribute(attribute).name} {attribute}"
    except KeyError:
        return attribute


def _keep(hub: "Hub", receipt_id: str | None, wait: float) -> None:
    """Say where the receipt lies: with its proof when the log has taken it in already, else what is waiting for it."""
    made = hub.collect_receipts(wait)
    folder = hub.shelf.folder if hub.shelf else Path()
    path = folder / f"{receipt_id}.json"
    if path in made or path.exists():
        typer.echo(f"凭证 Receipt: {path}（hutong verify {path}）", err=True)
    else:
        typer.echo(f"凭证待入日志 The receipt waits for its proof: {path.with_suffix('.waiting')}", err=True)
