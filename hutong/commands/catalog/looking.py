"""Why: looking into the directory from a shell. Part of `hutong catalog`."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import yaml
from sqlalchemy.orm import Session

from catalog import directory, search
from catalog.search import Entry, Hit
from catalog.service import services
from catalog.snapshot import read_snapshot, write_snapshot
from hutong.commands.catalog.naming import ResourceName, resource_id
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction
from schemas.tables.directory import ResourceVersion

app = typer.Typer()
SHARING = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}
FIELDS = {
    "name": "名称", "code": "代码", "keyword": "关键字", "item": "信息项", "element": "数据元", "synonym": "同义词",
    "department": "部门", "about": "说明",
}  # fmt: skip
HOW = {"same": "相同", "holds": "包含", "part": "部分相同", "pinyin": "拼音"}
State = Annotated[str, typer.Option(help="published, or open (any not yet published), draft, office_review, …")]
Department = Annotated[str | None, typer.Option(help="Only this department's (id).")]
Library = Annotated[str | None, typer.Option(help="Only what feeds this base library.")]
Sharing = Annotated[int | None, typer.Option(min=1, max=3, help="Sharing type: 1, 2 or 3.")]
Category = Annotated[str | None, typer.Option(help="Category, or its beginning.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Lines at most.")]
Offset = Annotated[int, typer.Option(min=0, help="Lines to leave out first.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(  # noqa: PLR0913 - each is an option of the command
    state: Annotated[str, typer.Option(help="published | open | draft | … | superseded | withdrawn")] = "published",
    department: Department = None,
    library: Library = None,
    sharing: Sharing = None,
    category: Category = None,
    limit: Limit = 1000,
    offset: Offset = 0,
    show_services: Annotated[bool, typer.Option("--services", help="List service items instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List resources, or service items. 列出信息资源"""
    if show_services:
        _services(department)
        return
    with transaction("reader") as session:
        page = search.listed(
            session, limit=limit, offset=offset, state=state, department=department, library=library,
            sharing_type=sharing, category=category,
        )  # fmt: skip
    _print(page, offset, as_json)


@app.command("search")
def search_(  # noqa: PLR0913 - each is an option of the command
    text: Annotated[str, typer.Argument(help="Names, items, codes, pinyin or initials, e.g. 婚姻登记, hydj")],
    state: State = "published",
    department: Department = None,
    library: Library = None,
    sharing: Sharing = None,
    category: Category = None,
    limit: Limit = 20,
    offset: Offset = 0,
    as_json: AsJson = False,
) -> None:
    """Find resources by names, items, synonyms, codes or pinyin, most relevant first, each with why. 检索信息资源"""
    with transaction("reader") as session:
        page = search.find(
            session, text, limit=limit, offset=offset, state=state, department=department, library=library,
            sharing_type=sharing, category=category,
        )  # fmt: skip
    _print(page, offset, as_json, with_reasons=True)


@app.command()
def show(
    resource: ResourceName,
    version: Annotated[int | None, typer.Option(help="Version; default the published one, else the newest.")] = None,
    as_json: AsJson = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML.")] = False,
) -> None:
    """Show one version of a resource: metadata, items, gaps of a draft, versions. 查看信息资源"""
    from hutong.commands.catalog.describing import describe

    with transaction("reader") as session:
        it = resource_id(session, resource)
        row = directory.get(session, it, version) if version else _shown(session, it)
        body = {"version": row.version, "state": row.state, "digest": row.digest, **row.document}
        if as_json:
            typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
        elif as_yaml:
            typer.echo(yaml.safe_dump(body, allow_unicode=True, sort_keys=False))
        else:
            describe(session, row)


@app.command()
def snapshot() -> None:
    """Write the snapshot that DAG parsing reads, and print where it lies. 生成目录快照"""
    with transaction() as session:
        path = write_snapshot(session)
    written = read_snapshot()
    typer.echo(str(path))
    typer.echo(
        f"version {written['version']}, {len(written['resources'])} resources, digest {written['digest'][:12]}",
        err=True,
    )


def _shown(session: Session, resource_id: str) -> ResourceVersion:
    known = directory.versions(session, resource_id)
    return next((one for one in known if one.state == "published"), None) or directory.newest(session, resource_id)


def _services(department: str | None) -> None:
    table = plain_table("事项编码", "事项名称", "部门")
    with transaction("reader") as session:
        for item in services.find(session, department):
            table.add_row(item.id, item.name, item.department_id)
    print_table(table)


def _print(page: search.Page, offset: int, as_json: bool, *, with_reasons: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps({"total": page.total, "hits": [_document(hit) for hit in page.hits]}, ensure_ascii=False))
        return
    table = plain_table("资源", "版本", "名称", "部门", "共享属性", "归集到", *(["依据"] if with_reasons else []))
    for hit in page.hits:
        table.add_row(*_row(hit.entry), *([_reasons(hit.why)] if with_reasons else []))
    if page.hits:
        print_table(table)
    last = offset + len(page.hits)
    if with_reasons or last < page.total or offset:
        typer.echo(f"{min(offset + 1, last)}–{last} / {page.total}", err=True)


def _row(entry: Entry) -> tuple[str, ...]:
    sharing = SHARING.get(entry.sharing_type or 0, "-")
    return entry.resource_id, str(entry.version), entry.name, entry.department_name, sharing, entry.library or "-"


def _reasons(why: Sequence[search.Why]) -> str:
    return "; ".join(f"{FIELDS[one.field]}{HOW[one.how]}“{one.text}”" for one in why[:2])


def _document(hit: Hit) -> dict[str, Any]:
    entry = hit.entry
    return {
        "resource": entry.resource_id, "version": entry.version, "state": entry.state, "name": entry.name, "code": entry.code,
        "department": entry.department, "category": entry.category, "library": entry.library, "sharing_type": entry.sharing_type,
        "score": hit.score, "why": [{"field": one.field, "text": one.text, "words": one.words, "how": one.how} for one in hit.why],
    }  # fmt: skip
