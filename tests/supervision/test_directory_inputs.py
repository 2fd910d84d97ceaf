"""What directory, collecting, quality and use add to a week."""

import zlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from catalog import directory
from exchange_api.evidence.ledger import Entry, record
from exchange_api.supervision import inputs
from schemas.tables.directory import ResourceEvent, ResourceVersion
from schemas.tables.exchange import Grant, GrantItem, GrantUse
from schemas.tables.guarding import GuardFinding
from schemas.tables.landing import Batch
from schemas.tables.objections import Objection
from tests.desks.conftest import resource
from tests.supervision.conftest import WEEK, Days, Site, at

NAME = {"id": "name", "name": "姓名", "attribute": "name"}
SOURCE = {
    "connector": "database", "connection": "police", "options": {"table": "residents"}, "mapping": {"id": "citizen_id", "xm": "name"}, "key": ["citizen_id"],
}  # fmt: skip


def sums(site: Site, key: str, department: str = "public_security") -> tuple[float, float]:
    cases = inputs.read(site.session, WEEK).get(department, {}).get(key, [])
    return round(sum(one.n for one in cases), 4), sum(one.d for one in cases)


def publish(site: Site, name: str, sharing: dict[str, Any] | None = None, **more: Any) -> str:
    """A resource of the police, published well before the week."""
    resource_id = f"public_security.{name}"
    document = resource(resource_id, sharing or {"type": 1}, [NAME], name=name, **more)
    directory.save_draft(site.session, document)
    version = directory.publish(site.session, resource_id)
    _dated(site, version.id, WEEK.begin - timedelta(days=60))
    return resource_id


def _dated(site: Site, version_id: str, when: datetime) -> None:
    changed = update(ResourceVersion).where(ResourceVersion.id == version_id)
    site.session.execute(changed.values(published_at=when, created_at=when))
    site.session.expire_all()


def batch(site: Site, resource_id: str, when: datetime, **more: Any) -> str:
    """A batch that came and was merged at a moment."""
    number = f"{resource_id}.{when:%m%d%H%M}"
    facts = {
        "created_at": when,
        "landed_at": when,
        "checked_at": when,
        "merged_at": when,
        "state": "merged",
        "score": 90.0,
        "run_id": number,
    }
    site.add(Batch(id=number, resource_id=resource_id, resource_version_id=f"{resource_id}@1", **facts | more))
    return number


def grant(site: Site, resource_id: str, item: str = "name") -> str:
    """A grant of one item of a resource to the housing office."""
    number = f"SQ-2026-{zlib.crc32(resource_id.encode()) % 10**6:06d}"
    span = {
        "valid_from": WEEK.first_day - timedelta(days=30),
        "valid_until": WEEK.last_day,
        "created_at": WEEK.begin - timedelta(days=30),
    }
    site.add(
        Grant(
            id=number,
            demand_id=site.demand(),
            application_id="zufang",
            library="population",
            service_item_id="gzf",
            **span,
        )
    )
    site.add(GrantItem(grant_id=number, attribute=item, resource_version_id=f"{resource_id}@1", item_id=item))
    return number


def test_an_entry_is_mounted_when_a_batch_of_it_was_merged(site: Site) -> None:
    mounted = publish(site, "a")
    publish(site, "b")
    publish(site, "c", {"type": 3, "condition": "依法不予共享"})
    batch(site, mounted, WEEK.begin + timedelta(days=1))
    assert sums(site, "mount_rate") == (1, 2)


def test_what_was_taken_back_or_came_later_mounts_nothing(site: Site) -> None:
    taken, later = publish(site, "a"), publish(site, "b")
    batch(site, taken, WEEK.begin, state="retracted", retracted_at=WEEK.begin + timedelta(days=2))
    batch(site, later, WEEK.beyond + timedelta(hours=1))
    assert sums(site, "mount_rate") == (0, 2)


def test_entries_published_after_the_week_or_ended_in_it_do_not_count(site: Site) -> None:
    publish(site, "a")
    _dated(site, "public_security.a@1", WEEK.beyond)
    publish(site, "b")
    gone = update(ResourceVersion).where(ResourceVersion.id == "public_security.b@1")
    site.session.execute(gone.values(state="withdrawn", ended_at=WEEK.begin + timedelta(days=2)))
    assert sums(site, "mount_rate") == (0, 0)


@pytest.mark.parametrize(
    ("condition", "good"), [("依据《档案法》第二十条", 1), ("涉及隐私，不便共享", 0), ("《档案法》", 0)]
)
def test_a_refused_entry_must_cite_an_article(site: Site, condition: str, good: int) -> None:
    publish(site, "a", {"type": 3, "condition": condition})
    assert sums(site, "noshare_basis") == (good, 1)
    assert sums(site, "mount_rate") == (0, 0)


def test_items_that_a_grant_serves_cover_what_is_catalogued(site: Site) -> None:
    grant(site, publish(site, "a"))
    assert sums(site, "item_cover") == (1, 2)


def test_deliveries_are_held_against_the_update_cycle(site: Site) -> None:
    daily = publish(site, "a", update_cycle=2, source=SOURCE)
    for hours in (-20, 4, 28, 100):
        batch(site, daily, WEEK.begin + timedelta(hours=hours))
    # in time: at 4 and 28 hours; late: at 100, and what should have come before the end
    assert sums(site, "data_timely") == (2, 4)


def test_rejected_and_replayed_batches_are_no_deliveries(site: Site) -> None:
    weekly = publish(site, "a", update_cycle=3, source=SOURCE)
    batch(site, weekly, WEEK.begin - timedelta(hours=10))
    batch(site, weekly, WEEK.begin + timedelta(days=3), state="rejected")
    batch(site, weekly, WEEK.begin + timedelta(days=4), run_id="replay:1:abc")
    assert sums(site, "data_timely") == (0, 0)


def test_a_source_that_never_delivered_is_late_and_one_without_term_never(site: Site) -> None:
    publish(site, "a", update_cycle=2, source=SOURCE)
    publish(site, "b", update_cycle=7, source=SOURCE)
    publish(site, "c", update_cycle=2)
    assert sums(site, "data_timely") == (0, 1)


def test_quality_is_that_of_the_last_checked_batch(site: Site) -> None:
    one, other = publish(site, "a"), publish(site, "b")
    batch(site, one, WEEK.begin, score=50.0)
    batch(site, one, WEEK.begin + timedelta(days=1), score=80.0)
    batch(site, one, WEEK.beyond + timedelta(days=1), score=10.0)
    batch(site, other, WEEK.begin, score=100.0)
    assert sums(site, "q_score") == (1.8, 2)


def test_live_resources_are_used_or_not(site: Site, day: Days) -> None:
    used, idle = publish(site, "a"), publish(site, "b")
    for one in (used, idle):
        batch(site, one, WEEK.begin)
        grant(site, one)
    site.add(GrantUse(grant_id=grant_of(site, used), day=day(2), subjects=1, calls=1))
    site.add(GrantUse(grant_id=grant_of(site, idle), day=day(-1), subjects=1, calls=1))
    assert sums(site, "use_rate") == (1, 2)


def grant_of(site: Site, resource_id: str) -> str:
    found = site.session.query(GrantItem).filter_by(resource_version_id=f"{resource_id}@1").one()
    return found.grant_id


def test_only_failures_on_the_sources_side_speak_against_it(site: Site) -> None:
    one = publish(site, "a")
    batch(site, one, WEEK.begin + timedelta(hours=1))
    empty = {"landed_at": None, "checked_at": None, "merged_at": None, "state": "planned", "score": None}
    batch(site, one, WEEK.begin + timedelta(hours=2), **empty, error_code="connector.unreachable")
    batch(site, one, WEEK.begin + timedelta(hours=3), **empty, error_code="storage.full")
    batch(site, one, WEEK.begin + timedelta(hours=4), **empty)
    assert sums(site, "api_avail") == (1, 2)


def _entry(site: Site, when: datetime, number: int, kind: Any, grant_id: str, code: str | None = None) -> None:
    value = int(when.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | number
    digits = f"{value:032x}"
    receipt = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    record(site.session, [Entry(id=receipt, at=when, kind=kind, grant_id=grant_id, code=code)])


def test_refusals_are_the_callers_and_errors_the_hubs(site: Site) -> None:
    number = grant(site, publish(site, "a"))
    moment = at(WEEK.first_day)
    _entry(site, moment, 1, "answer", number)
    _entry(site, moment, 2, "answer", number)
    _entry(site, moment, 3, "error", number, "internal")
    _entry(site, moment, 4, "refusal", number, "quota.exceeded")
    _entry(site, WEEK.beyond, 5, "answer", number)
    _entry(site, WEEK.begin - timedelta(milliseconds=1), 6, "answer", number)
    assert sums(site, "api_ok") == (2, 3)


@pytest.mark.parametrize(
    ("due", "closed", "state", "expected"),
    [
        (3, 2, "refused", (1, 1)),
        (1, 2, "corrected", (0, 1)),
        (3, None, "open", (0, 1)),
        (9, None, "open", (0, 0)),
        (1, 2, "withdrawn", (0, 0)),
    ],
)
def test_objections_to_values_are_handled_in_time(
    site: Site, day: Days, due: int, closed: int | None, state: str, expected: tuple[int, int]
) -> None:
    facts = {
        "library": "population",
        "subject": "x",
        "record_key": "x",
        "attribute": "name",
        "reason": "错",
        "raised_by": "li",
        "state": state,
    }
    whose = {
        "department_id": "housing",
        "source_department_id": "public_security",
        "raised_at": WEEK.begin - timedelta(days=20),
    }
    site.add(
        Objection(
            id="YY-2026-000001",
            due_date=day(due),
            closed_at=None if closed is None else at(day(closed)),
            **facts,
            **whose,
        )
    )
    assert sums(site, "obj_timely") == expected


@pytest.mark.parametrize(("review", "expected"), [("abuse", (1, 0)), ("false_alarm", (0, 0)), (None, (0, 0))])
def test_only_confirmed_abuse_is_an_event(site: Site, day: Days, review: str | None, expected: tuple[int, int]) -> None:
    facts = {
        "rule": "run",
        "application_id": "zufang",
        "measured": 9.0,
        "above": 5.0,
        "has_suspended": True,
        "receipt": "0" * 32,
    }
    number = grant(site, publish(site, "a"))
    site.add(GuardFinding(grant_id=number, review=review, reviewed_at=at(day(1)) if review else None, **facts))
    assert sums(site, "sec_event", "housing") == expected


@pytest.mark.parametrize(
    ("begun", "submitted", "expected"),
    [(-8, 1, (1, 1)), (-30, 1, (0, 1)), (-30, None, (0, 1)), (-3, None, (0, 0)), (-30, -10, (0, 0)), (-30, 9, (0, 1))],
)
def test_an_update_of_the_directory_is_due_ten_working_days_after_its_draft(
    site: Site, day: Days, begun: int, submitted: int | None, expected: tuple[int, int]
) -> None:
    publish(site, "a")
    directory.save_draft(
        site.session, resource("public_security.a", {"type": 1}, [NAME], name="a", abstract="全部登记")
    )
    _created(site, "public_security.a@2", at(day(begun)))
    if submitted is not None:
        site.add(
            ResourceEvent(
                version_id="public_security.a@2",
                at=at(day(submitted)),
                actor="wang",
                action="submit",
                to_state="office_review",
            )
        )
    assert sums(site, "cat_timely") == expected


def _created(site: Site, version_id: str, when: datetime) -> None:
    site.session.execute(update(ResourceVersion).where(ResourceVersion.id == version_id).values(created_at=when))
