"""Why: what is taken in bulk must be held to the same rules as a single answer: the change feed and exports of a grant, refused by name where it is not for
them. Checks of the clauses "Change feed" and "Exports", and of a day asked for; entered by `rule`, gone through by `kit`.
"""

import hashlib
import json

from exchange_api.conformance.probe import Failed, Probe, Seen, expect
from exchange_api.conformance.rules import rule

_NOBODYS = "/v1/grants/SQ-0000-000000"


@rule("feed.unknown", ("他人或不存在的授权没有变更订阅", "nobody's grant has no change feed"), "key")
def feed_unknown(probe: Probe) -> str:
    """Ask for the changes of a grant that cannot be."""
    return expect(_get(probe, f"{_NOBODYS}/changes"), "grant.unknown")


@rule(
    "feed.page",
    ("变更订阅仅供获准方式使用，changes_digest 相符", "the feed is for grants made for it, and changes_digest fits"),
    "grant",
)
def feed_page(probe: Probe) -> str:
    """Ask for a first page; a grant that is for questions only must be refused by name."""
    seen = _get(probe, f"/v1/grants/{probe.given.grant}/changes")
    if seen.response.status != 200:
        return expect(seen, "grant.other_mode")
    document = seen.document
    text = json.dumps(document["changes"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(text.encode()).hexdigest() != document["changes_digest"]:
        raise Failed("changes_digest is not that of the changes given")
    if not document["next"] or not isinstance(document["more"], bool):
        raise Failed("the page does not say how to go on")
    return f"{len(document['changes'])} changes"


@rule("feed.cursor", ("伪造的游标被拒绝", "a cursor the hub did not make is refused"), "grant")
def feed_cursor(probe: Probe) -> str:
    """Go on from where nobody ended."""
    return expect(
        _get(probe, f"/v1/grants/{probe.given.grant}/changes", "after=made-up"), "feed.cursor", "grant.other_mode"
    )


@rule("export.unknown", ("他人或不存在的授权不能导出", "nobody's grant exports nothing"), "key")
def export_unknown(probe: Probe) -> str:
    """Ask for an export of a grant that cannot be."""
    asked = {"purpose": dict(probe.given.purpose) or {"service_item": "conformance"}, "format": "ndjson"}
    return expect(probe.ask(asked, path=f"{_NOBODYS}/exports"), "grant.unknown")


@rule("export.mode", ("导出仅供获准方式使用", "exports are for grants made for them"), "grant")
def export_mode(probe: Probe) -> str:
    """List the exports of the grant; nothing is ordered."""
    seen = _get(probe, f"/v1/grants/{probe.given.grant}/exports")
    if seen.response.status != 200:
        return expect(seen, "grant.other_mode")
    if not isinstance(seen.document["exports"], list):
        raise Failed("the list of exports is none")
    return f"{len(seen.document['exports'])} exports"


@rule("timed.day", ("不成日期的时点被拒绝且不复述", "a day that is none is refused and not repeated"), "grant")
def timed_day(probe: Probe) -> str:
    """Ask for the 31st of February."""
    seen = probe.ask(probe.body(as_of="2026-02-31"))
    if b"2026-02-31" in seen.response.body:
        raise Failed("the refusal repeats what was asked")
    return expect(seen, "request.malformed")


def _get(probe: Probe, path: str, query: str = "") -> Seen:
    return probe.ask(None, method="GET", path=path, query=query)
