"""Why: ways into and out of the directory from a shell. Part of `hutong catalog`; the work is the catalog storey's."""

from pathlib import Path
from typing import Annotated

import typer

from catalog import directory
from catalog.folder import import_folder
from catalog.snapshot import write_snapshot
from schemas.database import transaction

app = typer.Typer()


@app.command("import")
def import_(
    folder: Annotated[
        Path, typer.Argument(help="Folder with departments.yml, elements.yml, service_items.yml, resources/")
    ],
    publish: Annotated[bool, typer.Option("--publish", help="Publish every new draft at once.")] = False,
) -> None:
    """Take in a folder of YAML: all of it or nothing; twice changes nothing. 导入目录文件夹"""
    with transaction() as session:
        done = import_folder(session, folder)
        for resource_id in done.drafts if publish else []:
            directory.publish(session, resource_id)
        write_snapshot(session)
    typer.echo(
        f"{done.departments} departments, {done.elements} data elements, {done.service_items} service items, "
        f"{done.resources} resources ({len(done.drafts)} new drafts{', published' if publish and done.drafts else ''})"
    )
