"""Why: the directory from a shell, one family of commands by what people come for. Called by `hutong catalog`."""

import typer

from hutong.commands.catalog import (
    comparing,
    departments,
    drift,
    elements,
    giving,
    lacking,
    looking,
    reviewing,
    schema,
    services,
    taking,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Resource directory. 信息资源目录")
for part in (taking, giving, schema, looking, reviewing, comparing, lacking, elements, services):
    app.add_typer(part.app)
app.add_typer(departments.app, name="departments")
app.add_typer(drift.app, name="drift")
