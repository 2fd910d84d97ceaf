"""Why: the form of our documents from a shell, for editors and for whoever writes them elsewhere. Part of `hutong catalog`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("schema")
def schema(
    kind: Annotated[str, typer.Argument(help="resource | departments | elements | service_items")] = "resource",
    draft: Annotated[bool, typer.Option("--draft", help="Of a resource that may still have gaps.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write all of them into instead.")] = None,
) -> None:
    """Print the JSON Schema of our YAML documents. 输出目录文件的 JSON Schema"""
    from catalog import published_schema

    if out:
        for file in published_schema.write_schemas(out):
            typer.echo(str(file))
        return
    typer.echo(published_schema.schema_text("resource_draft" if draft and kind == "resource" else kind), nl=False)
