"""Why: a DAG is made from the snapshot of the directory, a file; a machine that shares no folder with the main one needs its own, never older than a
second or two. Run by `hutong.embedded.worker` as a process of its own; ends when its standard input closes, that is with its worker.
"""

import logging
import select
import sys

from catalog.snapshot import current, read_snapshot, write_snapshot
from schemas.database import transaction
from schemas.errors import HutongError

PAUSE = 1.0
log = logging.getLogger(__name__)


def copy() -> None:
    """Write the snapshot anew when the directory has moved on. Raises Transient `database.unreachable`."""
    with transaction() as session:
        newest = current(session)
        if newest is not None and newest.number != read_snapshot().get("version"):
            write_snapshot(session)


def follow() -> None:
    """Copy again and again until standard input closes; an unreachable database is waited for."""
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        try:
            copy()
        except HutongError as error:
            log.warning("%s", error)


if __name__ == "__main__":
    copy()
    if "--once" not in sys.argv:
        follow()
