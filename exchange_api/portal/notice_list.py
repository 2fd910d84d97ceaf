"""Why: what a department was told, years of it, as a question to the database: searched by what notices speak of, by kind and urgency. Called by its page."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, Text, cast, func, select

from exchange_api.noticing import kinds, links, wording
from exchange_api.portal.case_lists import said
from exchange_api.portal.language import N_, translations
from exchange_api.portal.queried import Choice, Field, Table
from exchange_api.portal.rendering import shown_time
from exchange_api.portal.visit import Visit
from exchange_api.portal.words import NOTICE
from schemas.tables.operations import Notice

_TONE = {"urgent": "red", "action": "amber", "info": "grey"}


def notices(visit: Visit) -> Table:
    """Return the list of everything the officer's department was told, the newest first."""
    say, urgency = translations(visit.language).gettext, said(visit, "urgency")
    kind_of = {key: kinds.kind_word(key, visit.language) for key in NOTICE}
    urgency_of = {key: urgency[kinds.severity_of(key)] for key in NOTICE}
    query = select(
        Notice.id, Notice.key, Notice.facts, Notice.demand_id, Notice.created_at, Notice.read_at
    ).where(Notice.department_id == visit.actor.department_id)  # fmt: skip
    fields = (
        Field("text", say(N_("通知")), None, cast(Notice.facts, Text)),
        Field("urgency", say(N_("轻重")), None, Notice.key, urgency_of), Field("kind", say(N_("类别")), Notice.key, Notice.key, kind_of),
        Field("case", say(N_("对接单")), Notice.demand_id, Notice.demand_id), Field("at", say(N_("时间")), Notice.created_at),
        Field("read", say(N_("阅读")), Notice.read_at, is_shown=False),
    )  # fmt: skip
    choices = (
        Choice("unread", say(N_("阅读")), {"1": say(N_("未读")), "0": say(N_("已读"))}, lambda key: Notice.read_at.is_(None) == (key == "1")),
        Choice("urgency", say(N_("轻重")), urgency, lambda key: Notice.key.in_([one for one in NOTICE if kinds.severity_of(one) == key])),
        Choice("kind", say(N_("类别")), _kinds(kind_of), lambda key: Notice.key.in_([one for one in NOTICE if kinds.kind_of(one) == key])),
    )  # fmt: skip
    return Table(query, fields, (Notice.created_at.desc(), Notice.id.desc()), _rows(visit, urgency), choices)


def newest(visit: Visit) -> int:
    """Return the number of the department's newest notice, 0 when there is none."""
    query = select(func.max(Notice.id)).where(Notice.department_id == visit.actor.department_id)
    return visit.session.scalar(query) or 0


def _kinds(kind_of: dict[str, str]) -> dict[str, str]:
    return {kinds.kind_of(key): word for key, word in kind_of.items()}


def _rows(visit: Visit, urgency: dict[str, str]) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    read = translations(visit.language).gettext(N_("已读"))

    def row(one: Row[Any]) -> dict[str, Any]:
        severity = kinds.severity_of(one.key)
        return {
            "text": wording.say(one.key, one.facts, visit.language), "urgency": urgency[severity], "kind": kinds.kind_word(one.key, visit.language),
            "case": one.demand_id or "—", "at": shown_time(one.created_at), "read": f"{read} {shown_time(one.read_at)}" if one.read_at else "—",
            "_address": links.path_of(one.key, one.facts, one.demand_id), "_tone": _TONE[severity], "_id": one.id, "_is_read": one.read_at is not None,
            "_case": one.demand_id,
        }  # fmt: skip

    return lambda rows: [row(one) for one in rows]
