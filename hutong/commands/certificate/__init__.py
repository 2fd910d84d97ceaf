"""Why: certificates from a shell: identifiers, types, files, what is odd or missing, how far digitisation is. Called by `hutong certificate`."""

import typer

from hutong.commands.certificate import files, looking, missing, types

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Electronic certificates. 电子证照")
app.add_typer(looking.app)
app.add_typer(types.app, name="types")
app.add_typer(files.app, name="file")
app.add_typer(missing.app, name="missing")
