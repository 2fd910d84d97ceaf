"""Why: service items and what they ask of citizens, from a shell. Part of `hutong catalog`; the work is the catalog storey's."""

import json
from typing import Annotated, Any

import typer
import yaml

from catalog.findings import Finding
from catalog.service import obtainable as answers
from catalog.service import services
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction
from schemas.tables.services import ServiceItem

app = typer.Typer()
family = typer.Typer(no_args_is_help=True, add_completion=False, help="Service items and their materials. 政务服务事项")
app.add_typer(family, name="services")
MODES = {0: "申请人提交", 1: "数据核验", 2: "数据共享", 3: "电子证照", 4: "告知承诺", 5: "部门协查"}
Item = Annotated[str, typer.Argument(help="Service item: its id or its 31-character code")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@family.command("list")
def list_(
    department: Annotated[str | None, typer.Option(help="Only this department's.")] = None,
    only_flagged: Annotated[bool, typer.Option("--flagged", help="Only those whose codes do not conform.")] = False,
) -> None:
    """List service items with their codes and what does not conform. 列出政务服务事项"""
    table = plain_table("事项", "事项名称", "部门", "实施编码", "材料", "问题")
    with transaction("reader") as session:
        for item in services.find(session, department):
            if item.findings or not only_flagged:
                found = " ".join(dict.fromkeys(flag["code"].removeprefix("service.") for flag in item.findings))
                table.add_row(
                    item.id,
                    item.name,
                    item.department_id,
                    item.task_code or "-",
                    str(len(item.materials)),
                    found or "-",
                )
    print_table(table)


@family.command("show")
def show(item: Item, as_json: AsJson = False) -> None:
    """Print one service item as it is written in service_items.yml. 查看政务服务事项"""
    with transaction("reader") as session:
        row = services.get(session, item)
        body = services.document_of(row).model_dump(mode="json", exclude_defaults=True)
        body |= {"flags": [*_flags(row, "zh"), *_flags(row, "en")]} if row.findings else {}
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        typer.echo(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), nl=False)


@app.command()
def obtainable(item: Item, as_json: AsJson = False) -> None:
    """Say which materials of a service item need no longer be asked for, and why. 免提交材料测算"""
    with transaction("reader") as session:
        row = services.get(session, item)
        found = answers.obtainable(session, row.id)
        name = row.name
    spared = sum(answer.is_obtainable for answer in found)
    if as_json:
        body = {"service_item": row.id, "name": name, "materials": len(found), "obtainable": spared}
        typer.echo(json.dumps(body | {"answers": [_described(a) for a in found]}, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{name} ({row.id}): {spared} / {len(found)} 份材料无需提交 need no longer be asked for")
    for answer in found:
        _tell(answer)


def _tell(answer: answers.MaterialAnswer) -> None:
    mark = "✓" if answer.is_obtainable else "✗"
    typer.echo(f"\n{mark} {answer.material.name}  [{MODES[answer.material.obtain_mode]}, {answer.material.status}]")
    for reason in answer.missing or (answer.why,):
        typer.echo(f"    {reason.words('zh')}\n    {reason.words('en')}")
    if answer.conditions:
        typer.echo(f"    须满足 provided that: {'；'.join(c.words('zh') for c in answer.conditions)}")
    for candidate in answer.candidates:
        place = f"{candidate.department_id} {candidate.resource_id}.{candidate.item}"
        typer.echo(f"    可由 could come from: {candidate.word} ← {candidate.resource}／{candidate.name} ({place})")
    for kind in answer.certificate_candidates:
        typer.echo(f"    可由电子证照代替 could be the e-certificate: {kind}")


def _described(answer: answers.MaterialAnswer) -> dict[str, Any]:
    material = answer.material
    return {
        "material": material.id, "name": material.name, "obtain_mode": material.obtain_mode, "status": material.status,
        "is_obtainable": answer.is_obtainable, "why": _both(answer.why), "grants": list(answer.grants),
        "conditions": [_both(condition) for condition in answer.conditions],
        "missing": [_both(reason) for reason in answer.missing],
        "candidates": [vars(candidate) for candidate in answer.candidates],
        "certificate_candidates": list(answer.certificate_candidates),
    }  # fmt: skip


def _both(reason: answers.Reason) -> dict[str, str]:
    return {"code": reason.code, "zh": reason.words("zh"), "en": reason.words("en")}


def _flags(item: ServiceItem, language: Any) -> list[str]:
    return [
        Finding(item.id, None, None, None, "", flag["code"], flag["facts"]).words(language) for flag in item.findings
    ]
