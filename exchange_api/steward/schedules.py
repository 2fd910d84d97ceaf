"""Why: beside what a resource promises stands when it is collected next. Said by its schedule as Airflow reads it (croniter's expressions and Airflow's
presets, in the time zone of airflow.cfg), without asking Airflow. Called by `pipelines`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from croniter import CroniterError, croniter

from schemas.calendar import CHINA

PRESETS: Mapping[str, str] = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}  # fmt: skip
_FIELDS = 5


def next_run(schedule: str, now: datetime) -> datetime | None:
    """Return when a schedule falls due after now, None where it never does or Airflow would not take it; to the minute, China's time."""
    return _next(PRESETS.get(schedule, schedule), now.astimezone(CHINA).replace(second=0, microsecond=0, tzinfo=None))


@lru_cache(4096)
def _next(expression: str, since: datetime) -> datetime | None:
    """Thousands of resources share a handful of schedules."""
    try:
        cron = croniter(expression, start_time=since)
        if len(cron.expanded) != _FIELDS:
            return None
        found: datetime = cron.get_next(datetime)
    except CroniterError:
        return None
    return found.replace(tzinfo=CHINA)
