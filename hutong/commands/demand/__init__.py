"""Why: what a department needs, from a shell: looked at, written, decided, talked about. Called by `hutong demand`; the desk is exchange_api.demand."""

import typer

from hutong.commands.demand import deciding, looking, talking, writing

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Demands: what departments need from others. 数据需求"
)
for part in (looking, writing, deciding, talking):
    app.add_typer(part.app)
