"""Why: looking into the directory from a shell. Part of `hutong catalog`."""

import json
from typing import Annotated

import typer
import yaml

from catalog import directory, services
from catalog.snapshot import write_snapshot
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction

app = typer.Typer()
SHARING = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="draft | published | superseded | withdrawn")] = "published",
    department: Annotated[str | None, typer.Option(help="Only this department's.")] = None,
    show_services: Annotated[bool, typer.Option("--services", help="List service items instead.")] = False,
) -> None:
    """List resources, or service items. 列出信息资源"""
    with transaction("reader") as session:
        if show_services:
            table = plain_table("事项编码", "事项名称", "部门")
            for item in services.find(session, department):
                table.add_row(item.id, item.name, item.department_id)
        else:
            table = plain_table("资源", "版本", "名称", "共享属性", "归集到")
            for row in directory.find(session, department_id=department, state=state):
                body = row.document
                sharing, library = SHARING[body["sharing"]["type"]], body["library"] or "-"
                table.add_row(row.resource_id, str(row.version), body["name"], sharing, library)
    print_table(table)


@app.command()
def show(
    resource: Annotated[str, typer.Argument(help="Resource id, e.g. public_security.resident")],
    version: Annotated[int | None, typer.Option(help="Version; default the published one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML.")] = False,
) -> None:
    """Print one version of a resource. 查看信息资源"""
    with transaction("reader") as session:
        row = directory.get(session, resource, version)
        head = {"version": row.version, "state": row.state, "digest": row.digest}
        body = {**head, **row.document}
    typer.echo(
        json.dumps(body, ensure_ascii=False, indent=2)
        if as_json
        else yaml.safe_dump(body, allow_unicode=True, sort_keys=False)
    )


@app.command()
def snapshot() -> None:
    """Write the snapshot that DAG parsing reads, and print where it lies. 生成目录快照"""
    with transaction("reader") as session:
        typer.echo(str(write_snapshot(session)))
