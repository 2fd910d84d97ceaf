"""Why: a steward adds a rule, sees which there are, ends one; each with name and reason. Called by `hutong quality rule`."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.judging import steward_rules
from schemas import yaml_data
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Stewards' own rules. 数据管理员规则")
Resource = Annotated[str, typer.Argument(help="Resource id, e.g. civil_affairs.marriage")]
Name = Annotated[str, typer.Argument(help="The rule's id, e.g. phone_of_city; results call it steward.phone_of_city")]
By = Annotated[str, typer.Option("--by", help="Who asks for it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


@app.command()
def add(
    resource: Resource,
    rule: Annotated[str, typer.Argument(help="The rule as YAML, or a YAML file that holds it (docs/quality.md).")],
    by: By,
    reason: Reason,
) -> None:
    """Add a rule, in force from the next batch. 添加规则，自下一批次起生效"""
    body = _body(rule)
    with transaction() as session:
        check = steward_rules.add(session, resource, body, by=by, reason=reason)
    typer.echo(f"{resource}: {check.id} is in force from the next batch 自下一批次起生效")


@app.command("list")
def list_(
    resource: Annotated[str | None, typer.Argument(help="Resource id; without, all.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retired ones too.")] = False,
) -> None:
    """List stewards' rules: what, who, when, why. 列出规则"""
    table = plain_table(
        "rule 规则", "resource 资源", "kind 类型", "items 信息项", "by 添加", "reason 理由", "retired 停用"
    )
    with transaction("reader") as session:
        for row in steward_rules.listed(session, resource, retired=everything):
            ended = f"{row.retired_at:%Y-%m-%d} {row.retired_by}: {row.retired_reason}" if row.retired_at else ""
            table.add_row(
                row.rule, row.resource_id, row.body["kind"], ", ".join(row.body["items"]),
                f"{row.added_at:%Y-%m-%d} {row.added_by}", row.reason, ended,
            )  # fmt: skip
    print_table(table)


@app.command()
def retire(resource: Resource, name: Name, by: By, reason: Reason) -> None:
    """End a rule at once; what it found stays readable. 停用规则"""
    with transaction() as session:
        row = steward_rules.retire(session, resource, name, by=by, reason=reason)
    typer.echo(f"{resource}: {row.rule} is retired 已停用")


def _body(rule: str) -> dict[str, Any]:
    text = Path(rule).read_text("utf-8") if rule.endswith((".yml", ".yaml")) else rule
    try:
        body = yaml_data.parse(text)
    except yaml.YAMLError as error:
        raise Invalid("quality.rule_unfit", rule="-", why=str(error).splitlines()[0]) from error
    if not isinstance(body, dict):
        raise Invalid("quality.rule_unfit", rule="-", why="{id: …, kind: …, items: […], options: {…}}")
    return body
