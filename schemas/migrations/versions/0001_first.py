"""The first shape: all schemas, tables and triggers (0001_first.sql), and the roles with what each may do (0001_roles.sql)."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the two SQL files as they are, past every placeholder syntax."""
    driver: Any = op.get_bind().connection.driver_connection
    for name in ("0001_first.sql", "0001_roles.sql"):
        driver.execute(Path(__file__).with_name(name).read_bytes())
