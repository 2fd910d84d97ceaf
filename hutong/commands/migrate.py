"""Why: make the hub's database ready: newest tables, a key to sign with, the national deadlines. Called by `hutong migrate` and, before
the API starts, by `hutong up`.
"""

import typer

from schemas.database import database_url, transaction


def migrate() -> None:
    """Bring the database to the newest tables and make the first signing key and deadline rules; does nothing when they are there. 升级数据库结构"""
    from catalog import deadlines
    from exchange_api.evidence.keyring import ensure_active_key
    from schemas.migrations import upgrade

    upgrade(database_url("owner").render_as_string(hide_password=False))
    with transaction() as session:
        ensure_active_key(session)
        deadlines.seed_rules(session)
    typer.echo("The database is up to date. 数据库结构已是最新。")
