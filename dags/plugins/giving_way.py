"""Why: a task of Airflow gives way to whoever asks the hub (`schemas.priority`): merges, exports and scores take what answering leaves of the machine.
Airflow loads this as a plugin and calls it in a task's own process before the task begins.
"""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from schemas import priority


class Tasks:
    """Hears of tasks that begin."""

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Lower the priority of the process that is about to work."""
        priority.give_way()


class GivingWay(AirflowPlugin):
    """Lets tasks give way."""

    name = "hutong_giving_way"
    listeners = [Tasks()]  # noqa: RUF012 - Airflow's own form
