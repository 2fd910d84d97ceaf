"""When a resource is collected next is what Airflow says, for every schedule of the directory and for odd ones; what Airflow refuses has no next run."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.snapshot import SCHEDULES
from exchange_api.steward.schedules import PRESETS, next_run
from schemas.calendar import CHINA

ODD = ("0 8,20 * * 1-5", "15 3 29 2 *", "0 0 13 * 5", "*/7 * * * *", "59 23 31 12 *")
MOMENTS = (
    "2026-01-31T23:59:59+08:00",
    "2026-02-28T16:00:00+00:00",
    "2026-12-31T15:59:30+00:00",
    "2027-03-01T01:30:00+08:00",
)
ASKED = """
import json, sys
from datetime import datetime
from pendulum import instance
from airflow.timetables.trigger import CronTriggerTimetable
asked = json.load(sys.stdin)
found = {}
for schedule in asked["schedules"]:
    timetable = CronTriggerTimetable(schedule, timezone="Asia/Shanghai")
    timetable.validate()
    found[schedule] = [timetable._get_next(instance(datetime.fromisoformat(one))).isoformat() for one in asked["moments"]]
print(json.dumps(found))
"""


def test_the_next_run_is_the_one_that_airflow_makes(tmp_path: Path) -> None:
    schedules = [*SCHEDULES.values(), *PRESETS, *ODD]
    around = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    asked = json.dumps({"schedules": schedules, "moments": MOMENTS})
    ran = subprocess.run(
        [sys.executable, "-c", ASKED], input=asked, env=around, capture_output=True, text=True, check=False, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    for schedule in schedules:
        for place, moment in enumerate(MOMENTS):
            ours = next_run(schedule, datetime.fromisoformat(moment))
            assert ours == datetime.fromisoformat(told[schedule][place]), (schedule, moment)


@pytest.mark.parametrize("schedule", ["", "@once", "@continuous", "soon", "0 25 * * *", "* * * * * *", "0 0 30 2 *"])
def test_what_airflow_would_not_run_has_no_next_run(schedule: str) -> None:
    assert next_run(schedule, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_a_run_that_begins_this_minute_is_past() -> None:
    assert next_run("30 1 * * *", datetime(2026, 1, 1, 1, 30, 20, tzinfo=CHINA)) == datetime(
        2026, 1, 2, 1, 30, tzinfo=CHINA
    )
