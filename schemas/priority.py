"""Why: somebody waits for an answer, nobody for a merge, an export or an audit, and often all share the cores of one machine. So work that can wait gives
way: its process runs at a lower priority of the operating system, and so do the processes of PostgreSQL that work for it, which otherwise would take their
share of the cores from those that look records up. What nobody else needs it still gets in full.

Giving way has a price for others too: a process of PostgreSQL that loses its core in the middle of something keeps the locks it holds, and evidence waits
for them. So work that gives way does not crowd: it does fewer things at once, and its statements take no parallel workers, which nobody lowered.

`give_way` is called where a task begins (`dags.plugins`); an operator's `nice hutong …` has the same effect. Every connection of `schemas.database` lends
its process's priority to the server process behind it. Of a server on another machine only its own administrator can say what goes first. How those who
answer go before all is `exchange_api.precedence`.
"""

import contextlib
import os
from pathlib import Path

from pydantic import Field

from schemas.settings import HutongSettings

_LOWER_TO = 19
ALONE = "SET max_parallel_workers_per_gather = 0"
"""What a session of the server is told that works at a lowered priority: parallel workers are processes of their own, at everybody's."""


class PrioritySettings(HutongSettings):
    """What goes first where all runs on one machine."""

    task_nice: int = Field(
        default=10, ge=0, le=_LOWER_TO, description="Nice value of tasks of Airflow, and of PostgreSQL while it works for them; 0: all are equal."
    )  # fmt: skip


def give_way() -> None:
    """Lower this process's priority for good; one that is as low already stays as it is."""
    wanted = PrioritySettings().task_nice
    if own() < wanted:
        os.setpriority(os.PRIO_PROCESS, 0, wanted)


def own() -> int:
    """Return this process's nice value."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def at_once(most: int) -> int:
    """Return how many things to do at once in the database: `most`, but while giving way one less than there are cores."""
    return max(1, min(most, (os.cpu_count() or 1) - 1)) if own() > 0 else most


def lend(server_process: int) -> bool:
    """Let a process of PostgreSQL work at this process's priority, if that is lowered and the server is of this machine and of a user we may speak for.

    Says whether it is one that should: `ALONE` is then for its session.
    """
    lowered = own()
    should = lowered > 0 and is_postgres(server_process)
    if should:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, server_process, lowered)
            # Linux's automatic groups (sched(7)): a nice value counts among the processes of one session, and each of PostgreSQL's is a session of its own
            Path(f"/proc/{server_process}/autogroup").write_text(str(lowered))
    return should


def is_postgres(process: int) -> bool:
    """Tell whether a process of this number is here and a server's: numbers of another machine, or of another container, mean something else here."""
    try:
        return Path(f"/proc/{process}/comm").read_text() == "postgres\n"
    except OSError:
        return False
