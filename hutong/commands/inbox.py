"""Why: at the console an operator brings a file for a department, or looks what lies there. Called by `hutong inbox`."""

from pathlib import Path
from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.collecting import inbox
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Files that departments brought. 收件箱")
Resource = Annotated[str, typer.Argument(help="Resource id whose source is the inbox. 资源标识")]


@app.command()
def put(
    resource: Resource,
    file: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False, readable=True)],
) -> None:
    """Bring one file into a resource's inbox; the next run collects it. 放入文件"""
    limit = inbox.InboxSettings().inbox_file_mb
    if file.stat().st_size > limit << 20:
        raise Invalid("inbox.too_large", limit=limit)
    with transaction("ingest") as session:
        inbox.require_inbox(session, resource)
    received = inbox.put(resource, file.name, file.read_bytes())
    typer.echo(f"{received.file}  {received.size:,} B  SHA-256 {received.sha256}")


@app.command("list")
def list_(resource: Resource) -> None:
    """List the files of a resource's inbox with the batch that took each over. 列出文件"""
    table = plain_table("file 文件", "bytes 字节", "received 收到", "batch 批次")
    with transaction("ingest") as session:
        inbox.require_inbox(session, resource)
        for received, batch in inbox.listed(session, resource):
            at = received.received_at.astimezone(CHINA).isoformat(" ", "seconds")
            table.add_row(received.file, f"{received.size:,}", at, batch or "-")
    print_table(table)
