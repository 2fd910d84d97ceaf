"""Why: a list on a narrow screen must fold, never cut: what stands first identifies the row and stays whole. Called by the commands that list things."""

from rich.console import Console
from rich.table import Table


def plain_table(*headers: str) -> Table:
    """Return a table without lines; its first column is never broken, the others fold."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for place, header in enumerate(headers):
        table.add_column(header, no_wrap=place == 0, overflow="fold")
    return table


def show(table: Table) -> None:
    """Print a table as it is, without colouring numbers."""
    Console(highlight=False).print(table)
