"""Why: the directory from a shell, one family of commands by what people come for. Called by `hutong catalog`."""

import typer

from hutong.commands.catalog import comparing, lacking, looking, reviewing, taking

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Resource directory. 信息资源目录")
for part in (taking, looking, reviewing, comparing, lacking):
    app.add_typer(part.app)
