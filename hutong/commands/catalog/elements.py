"""Why: the dictionary of data elements from a shell: look, lead, deviations, and proposals to decide. Part of `hutong catalog`; the work is the
catalog storey's.
"""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
import yaml

from catalog import directory, elements
from catalog.dictionary import alike, binding, element_proposals
from catalog.dictionary.element_proposals import Choice
from catalog.snapshot import write_snapshot
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction
from schemas.resource import ResourceDraft
from schemas.tables.departments import Suggestion

app = typer.Typer()
family = typer.Typer(no_args_is_help=True, add_completion=False, help="Data elements. 数据元")
app.add_typer(family, name="elements")
Element = Annotated[str, typer.Argument(help="Data element id, e.g. person_name")]
Number = Annotated[int, typer.Argument(help="Number of the proposal")]
By = Annotated[str, typer.Option(help="Who decides.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@family.command("list")
def list_() -> None:
    """List the dictionary. 列出数据元"""
    table = plain_table("数据元", "名称", "类型", "代码表", "敏感级", "牵头部门", "基础库属性", "版本")
    with transaction("reader") as session:
        for row in elements.find(session):
            kind = f"{row.type}{row.length or ''}"
            attributes, lead = " ".join(row.attributes) or "-", row.lead_department_id or "-"
            table.add_row(
                row.id, row.name, kind, row.code_table or "-", row.sensitivity, lead, attributes, str(row.version)
            )
    print_table(table)


@family.command()
def show(element: Element) -> None:
    """Print one data element with its versions. 查看数据元"""
    with transaction("reader") as session:
        row = elements.get(session, element)
        body = elements.document_of(row).model_dump(mode="json", exclude_none=True) | {"attributes": row.attributes}
        body["versions"] = [
            {"version": v.version, "at": v.created_at.isoformat(), "by": v.created_by}
            for v in elements.versions(session, element)
        ]
    typer.echo(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), nl=False)


@family.command()
def lead(
    element: Element,
    department: Annotated[str, typer.Argument(help="Department that leads it from now on")],
    by: By = "authority",
) -> None:
    """Let another department lead an element, as the authority decided. 指定数据元牵头部门"""
    with transaction() as session:
        changed = elements.reassign_lead(session, element, department, by=by)
    typer.echo(f"{element}: {department} {'leads it now 已指定为牵头部门' if changed else 'led it already 未变'}")


@family.command()
def seed() -> None:
    """Register the base libraries' attributes as data elements where the dictionary lacks them. 登记基础库数据元"""
    with transaction() as session:
        number = elements.seed_libraries(session)
    typer.echo(f"{number} data elements registered 已登记 {number} 个数据元")


@family.command()
def synonyms() -> None:
    """List the words that more than one element claims. 列出有争议的同义词"""
    table = plain_table("同义词", "数据元")
    with transaction("reader") as session:
        found = elements.contested(elements.documents(session).values())
    for one in found:
        table.add_row(one.word, "、".join(one.elements))
    print_table(table)
    typer.echo(f"{len(found)} contested words 个有争议的词")


@family.command()
def deviations(
    department: Annotated[str | None, typer.Option(help="Only this department's.")] = None, as_json: AsJson = False
) -> None:
    """Show where published items say otherwise than their elements. 查看与数据元不一致的信息项"""
    with transaction("reader") as session:
        dictionary = elements.documents(session)
        found = [
            {"resource": row.resource_id, **asdict(one)}
            for row in directory.find(session, department_id=department)
            for one in binding.deviations_of(ResourceDraft.model_validate(row.document), dictionary)
        ]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = plain_table("资源", "信息项", "数据元", "属性", "信息项为", "数据元为", "较宽松")
    for one in found:
        said, meant = (str(one[name]) if one[name] is not None else "-" for name in ("said", "meant"))
        values = (one["resource"], one["item"], one["element"], one["field"], said, meant)
        table.add_row(*values, "是" if one["is_weaker"] else "否")
    print_table(table)
    typer.echo(f"{len(found)} deviations 处不一致")


@family.command()
def propose(
    departments: Annotated[int, typer.Option(help="Departments that must share a datum for a new element.")] = 2,
    limit: Annotated[int, typer.Option(help="How many to print; all are kept.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Propose elements for items that look alike, and keep the proposals for decision. 提出数据元建议"""
    with transaction() as session:
        rows = element_proposals.ask(session, alike.propose(session, departments=departments))
        found = [_described(row) for row in rows]
    if as_json:
        typer.echo(json.dumps(found[:limit], ensure_ascii=False, indent=2))
        return
    table = plain_table("建议", "名称", "数据元", "部门", "信息项", "写法")
    for one in found[:limit]:
        element = "、".join(one["existing"]) or f"新建 {one['new']}"
        names = "、".join(list(one["names"])[:4])
        table.add_row(str(one["id"]), one["given"], element, str(one["departments"]), str(one["items"]), names)
    print_table(table)
    typer.echo(f"{len(found)} proposals 条建议；decide with 请决定: hutong catalog elements accept|reject")


@family.command()
def accept(
    number: Number,
    existing: Annotated[str | None, typer.Option("--as", help="Bind to this element of the dictionary.")] = None,
    new_id: Annotated[str | None, typer.Option("--id", help="Make a new element with this id.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Names that are something else.")] = None,
    by: By = "",
) -> None:
    """Accept a proposal: the element is registered and its items bound in new drafts. 采纳数据元建议"""
    choice = Choice(existing=existing, new_id=new_id, without=tuple(without or ()))
    with transaction() as session:
        done = element_proposals.accept(session, number, choice, by=by)
        saved = directory.save_drafts(session, done.drafts, by=by)
        write_snapshot(session)
    drafts = len(saved.created) + len(saved.changed)
    typer.echo(
        f"{done.element}{' (new 新建)' if done.is_new else ''}: {done.items} items bound in {drafts} drafts 个草稿"
    )
    if done.waiting:
        typer.echo(f"in review, not bound yet 审核中，暂未绑定: {', '.join(done.waiting)}")


@family.command()
def reject(
    number: Number, why: Annotated[str, typer.Option(help="Why they are not one datum.")] = "", by: By = ""
) -> None:
    """Reject a proposal; it is not made again. 不采纳数据元建议"""
    with transaction() as session:
        element_proposals.reject(session, number, by=by, why=why)
    typer.echo(f"{number} rejected 已不予采纳")


def _described(row: Suggestion) -> dict[str, Any]:
    proposed = next(candidate for candidate in row.candidates if candidate["kind"] == "new")
    return {
        "id": row.id, "given": row.given, "new": proposed["document"]["id"], "names": proposed["names"],
        "existing": [candidate["element"] for candidate in row.candidates if candidate["kind"] == "existing"],
        "departments": len(proposed["departments"]), "items": proposed["items"], "reasons": proposed["reasons"],
        "places": row.places[:20],
    }  # fmt: skip
