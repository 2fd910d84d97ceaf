"""Why: a steward whose source changed its columns overnight looks at the proposed version and takes it, from a shell. Part of `hutong catalog`."""

import json
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from catalog import directory
from catalog.review.changes import diff
from catalog.snapshot import write_snapshot
from exchange_api.grant import grants
from hutong.commands.catalog.naming import ResourceName, resource_id
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.drifting import drift, drift_proposals
from libraries.drifting.drift_proposals import Proposal
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.landing import Batch

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Sources whose columns changed. 来源字段变化")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List resources whose source no longer has the columns of the published version. 列出字段有变化的资源"""
    with transaction("reader") as session:
        rows = [_row(session, batch) for batch in drift_proposals.find_drifted(session)]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = plain_table("资源 resource", "自 since", "变化 changes", "建议版本 draft")
    for row in rows:
        table.add_row(row["resource"], row["since"], row["changes"], row["draft"] or "-")
    print_table(table)


@app.command()
def show(resource: ResourceName, as_json: AsJson = False) -> None:
    """Show what the proposed version would change, and what a person must decide. 查看建议版本"""
    with transaction("reader") as session:
        it = resource_id(session, resource)
        batch = drift_proposals.require_drifted(session, it)
        proposal = drift_proposals.proposal_of(session, batch)
        changes = diff(directory.document(session, it), proposal.draft)
        row = _row(session, batch)
    if as_json:
        typer.echo(json.dumps({**row, **_facts(proposal), "kind": changes.kind}, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{it}: {row['changes']}  ({row['batch']}, {row['since']})")
    for line in _lines(proposal):
        typer.echo(f"  {line}")
    for change in changes.breaking:
        typer.echo(f"  ! {change.path}: {change.why('zh')} / {change.why('en')}")


@app.command()
def accept(resource: ResourceName) -> None:
    """Publish the proposed version; the rejected run can then be taken again. Where it breaks others it is scheduled. 采纳建议版本"""
    with transaction() as session:
        it = resource_id(session, resource)
        run = drift_proposals.require_drifted(session, it).run_id
        version = drift_proposals.accept(session, it)
        suspended = grants.follow(session, [it])
        if version.state == "published":
            write_snapshot(session)
    day = f", {version.effective_at.astimezone(CHINA):%Y-%m-%d %H:%M}" if version.effective_at else ""
    typer.echo(f"{version.id} {version.state}{day}")
    for grant in suspended:
        typer.echo(f"  {grant} suspended: lost its base. 已暂停：失去数据来源。")
    typer.echo(f"  hutong ingest {it} --run-id '{run}'")


def _row(session: Session, batch: Batch) -> dict[str, Any]:
    newest = directory.newest(session, batch.resource_id)
    is_ours = newest.state != "published" and newest.created_by == drift_proposals.BY
    return {
        "resource": batch.resource_id, "batch": batch.id, "run": batch.run_id,
        "since": batch.created_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M"),
        "changes": str((batch.error_facts or {}).get("changes")), "draft": newest.id if is_ours else None,
    }  # fmt: skip


def _facts(proposal: Proposal) -> dict[str, Any]:
    return {
        "renamed": dict(proposal.renamed), "added": dict(proposal.added), "removed": list(proposal.removed),
        "retyped": dict(proposal.retyped), "undecided": list(proposal.undecided),
    }  # fmt: skip


def _lines(proposal: Proposal) -> list[str]:
    mapping = proposal.draft.source.mapping if proposal.draft.source else {}
    lines = [
        f"改名 renamed: {old} → {new} = {mapping[new]}" + ("" if drift.is_sure(new, old) else "  (存疑，请核实 unsure)")
        for new, old in proposal.renamed.items()
    ]
    lines += [f"新增 added: {column} → {item}" for column, item in proposal.added.items()]
    lines += [f"取消 removed: {column}" for column in proposal.removed]
    lines += [f"类型 retyped: {item} → {kind}" for item, kind in proposal.retyped.items()]
    return [*lines, *(f"待定 undecided: {column}" for column in proposal.undecided)]
