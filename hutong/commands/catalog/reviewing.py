"""Why: a version's way from draft to published, from a shell. Part of `hutong catalog`; the work is the catalog storey's."""

from typing import Annotated

import typer

from catalog import directory
from catalog.snapshot import write_snapshot
from schemas.database import transaction

app = typer.Typer()


@app.command()
def publish(resource: Annotated[str, typer.Argument(help="Resource id whose draft to publish")]) -> None:
    """Publish a draft; the former version is superseded. 发布草稿"""
    with transaction() as session:
        version = directory.publish(session, resource)
        write_snapshot(session)
    typer.echo(f"{version.id} published")
