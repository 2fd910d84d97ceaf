"""Why: bring the hub's database to the newest tables. Called by `hutong migrate` and, before the API starts, by `hutong up`."""

import typer

from schemas.database import database_url


def migrate() -> None:
    """Bring the database to the newest tables; does nothing when it is there. 升级数据库结构"""
    from schemas.migrations import upgrade

    upgrade(database_url("owner").render_as_string(hide_password=False))
    typer.echo("The database is up to date. 数据库结构已是最新。")
