"""Services that change while they are read, and what is new since the last time."""

import json
import random
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from connectors.base import Connection, Slice
from connectors.increments import Increment
from connectors.rest import RestConnector
from schemas.errors import HutongError, Terminal, Transient
from tests.connectors.servers import line_to

Answer = tuple[int, bytes, dict[str, str]]
PAGING = {"size": 100, "total": "data.total"}
KEYED: dict[str, Any] = {"key": ["id"], "paging": PAGING}


class Service(Protocol):
    """What conftest's service offers."""

    port: int
    connection: Connection
    records: list[dict[str, Any]]
    refusals: list[tuple[int, dict[str, str]]]
    asked: list[dict[str, str]]
    before: Callable[[int], None] | None
    answer: Callable[[dict[str, str]], Answer] | None

    def page(self, asked: dict[str, str]) -> Answer: ...


def _open(service: Service, connection: Connection | None = None, **options: Any) -> RestConnector:
    source = {"path": "api/people", "records": "data.items", "paging": PAGING, "backoff_seconds": 0.001, "retries": 2}
    return RestConnector(source | options, connection or service.connection)


def _ids(connector: RestConnector, since: Any = None, count: int = 1) -> list[str]:
    pieces = [Slice.from_json(piece.to_json()) for piece in connector.slices(since, count)]
    return sorted(row["id"] for piece in pieces for batch in connector.read(piece) for row in batch.to_pylist())


def _all(service: Service) -> list[str]:
    return sorted(record["id"] for record in service.records)


def _refusal(connector: RestConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _ids(connector)
    return caught.value


def test_a_record_that_comes_in_front_while_reading_is_not_missed_and_none_comes_twice(service: Service) -> None:
    def insert(number: int) -> None:
        if number in (2, 4):
            service.records = [{"id": f"new{number}", "changed": "2026-01-01"}, *service.records]

    service.before = insert
    connector = _open(service, **KEYED, columns=["id", "changed"])
    assert _ids(connector) == _all(service)
    assert connector.repeated


def test_a_record_that_goes_while_reading_does_not_hide_another(service: Service) -> None:
    whole = _all(service)

    def remove(number: int) -> None:
        if number == 3:
            service.records = service.records[1:]

    service.before = remove
    assert _ids(_open(service, **KEYED)) == whole


def test_records_in_another_order_on_every_page_are_still_taken_once_each(service: Service) -> None:
    whole = _all(service)

    def turn(number: int) -> None:
        if number <= 10:
            service.records = [*service.records[37:], *service.records[:37]]

    service.before = turn
    assert _ids(_open(service, **KEYED)) == whole


def test_an_order_that_never_rests_is_told(service: Service) -> None:
    dice = random.Random(20260105)

    def shuffle(_: int) -> None:
        service.records = dice.sample(service.records, len(service.records))

    service.before = shuffle
    error = _refusal(_open(service, **KEYED))
    assert (type(error), error.code) == (Transient, "rest.unstable_pages")


def test_without_a_key_shifting_pages_are_told_and_nothing_is_guessed(service: Service) -> None:
    def insert(number: int) -> None:
        if number == 2:
            service.records = [{"id": "new", "changed": "2026-01-01"}, *service.records]

    service.before = insert
    error = _refusal(_open(service, columns=["id"]))
    assert (type(error), error.code, error.facts["count"]) == (Transient, "rest.repeated_records", 1)


def _one_page_for_another(service: Service, times: int) -> Callable[[dict[str, str]], Answer]:
    left = [times]

    def answer(asked: dict[str, str]) -> Answer:
        if asked["page"] == "3" and left[0]:
            left[0] -= 1
            asked = asked | {"page": "2"}
        return service.page(asked)

    return answer


def test_a_page_sent_twice_in_place_of_another_is_made_good_or_named(service: Service) -> None:
    service.answer = _one_page_for_another(service, 1)
    assert _ids(_open(service, **KEYED)) == _all(service)
    service.answer = _one_page_for_another(service, 1)
    assert _refusal(_open(service)).code == "rest.page_loop"
    service.answer = _one_page_for_another(service, 99)
    assert _refusal(_open(service, **KEYED)).code == "rest.unstable_pages"


def test_records_that_truly_stand_twice_in_the_source_do_not_hold_up_the_rest(service: Service) -> None:
    service.records = [*service.records, *service.records[:3]]
    connector = _open(service, **KEYED)
    assert _ids(connector) == sorted({record["id"] for record in service.records})
    service.records[-1] = service.records[-1] | {"name": "another of the same key"}
    assert len(_ids(_open(service, **KEYED))) == 1_001  # checking decides, reading does not


def test_a_service_that_ignores_the_page_is_noticed_even_with_a_key(service: Service) -> None:
    service.answer = lambda asked: service.page(asked | {"page": "1"})
    for paging in (PAGING, {"size": 100, "total": "nowhere"}):
        assert _refusal(_open(service, key=["id"], paging=paging)).code == "rest.page_loop"
        error = _refusal(_open(service, key=["id"], paging=paging, watermark="changed"))
        assert error.code == "rest.page_loop"


def test_records_that_come_at_the_end_while_reading_come_along(service: Service) -> None:
    def append(number: int) -> None:
        if number < 10:
            service.records = [*service.records, {"id": f"z{number}", "changed": "2026-01-01"}]

    service.before = append
    for options in ({}, KEYED):
        assert _ids(_open(service, columns=["id"], **options)) == _all(service)


def test_a_bad_spell_in_mid_pull_is_waited_out(service: Service) -> None:
    def trouble(number: int) -> None:
        if number in (2, 5):
            service.refusals = [(500, {}), (429, {"Retry-After": "0"})]

    service.before = trouble
    assert _ids(_open(service)) == _all(service)
    assert len(service.asked) == 14


def test_a_truncated_page_is_asked_for_again(service: Service) -> None:
    cut = [True]

    def answer(asked: dict[str, str]) -> Answer:
        status, body, headers = service.page(asked)
        if asked["page"] == "4" and cut:
            cut.clear()
            return status, body[: len(body) // 2], headers
        return status, body, headers

    service.answer = answer
    assert _ids(_open(service)) == _all(service)


def test_a_network_cut_in_mid_pull_is_worth_another_try_and_that_one_reads_all(service: Service) -> None:
    with line_to(service.port) as line:
        far = Connection("market", "http", "127.0.0.1", line.port, password=service.connection.password)
        service.before = lambda number: line.cut() if number == 4 else None
        error = _refusal(_open(service, far))
        assert (type(error), error.code) in ((Transient, "connector.unreachable"), (Transient, "rest.truncated"))
        line.mend()
        assert _ids(_open(service, far)) == _all(service)
        service.before = None
        line.passes = 20_000  # cut in the middle of an answer, and whole again at once
        assert _ids(_open(service, far, retries=3), count=3) == _all(service)


NEWEST = "2026-01-28"


@pytest.mark.parametrize(
    ("options", "asks"),
    [({}, 20), ({"high_mark": {"params": {"sort": "newest", "size": 1}}}, 11)],
)
def test_until_is_the_newest_watermark_however_it_is_found(
    service: Service, options: dict[str, Any], asks: int
) -> None:
    connector = _open(service, watermark="changed", since_param="since", **options)
    pieces = connector.slices()
    assert [piece.until for piece in pieces] == [NEWEST]
    for piece in pieces:
        assert sum(batch.num_rows for batch in connector.read(piece)) == 1_000
    assert len(service.asked) == asks


def test_until_may_be_the_services_own_clock(service: Service) -> None:
    connector = _open(
        service, watermark="changed", watermark_format="%Y-%m-%d", since_param="since", high_mark={"clock": "+08:00"}
    )
    service.answer = lambda asked: (*service.page(asked)[:2], {"Date": "Mon, 05 Jan 2026 16:30:00 GMT"})
    assert connector.slices()[0].until == "2026-01-06"
    assert (
        connector.slices("2026-01-20")[0].until == "2026-01-20"
    )  # a clock moved back loses nothing and repeats nothing


def test_only_what_is_new_is_asked_for_with_the_overlap(service: Service) -> None:
    connector = _open(service, watermark="changed", since_param="since", overlap=2 * 86_400)
    wanted = sorted(record["id"] for record in service.records if record["changed"] >= "2026-01-26")
    assert _ids(connector, NEWEST, 3) == wanted
    assert all(asked["since"] == "2026-01-26" for asked in service.asked)
    assert connector.slices(NEWEST)[0].until == NEWEST


def test_nothing_new_keeps_the_watermark_where_it_was(service: Service) -> None:
    connector = _open(service, watermark="changed", since_param="since")
    pieces = connector.slices("2027-01-01")
    assert (_ids(connector, "2027-01-01"), [piece.until for piece in pieces]) == ([], ["2027-01-01"])


def test_a_service_that_cannot_leave_out_what_is_old_has_it_left_out_here(service: Service) -> None:
    service.records = [*service.records, {"id": "undated", "changed": "", "name": "x", "note": None}]
    wanted = sorted(r["id"] for r in service.records if r["changed"] >= "2026-01-20" or not r["changed"])
    assert _ids(_open(service, watermark="changed"), "2026-01-20") == wanted


def test_a_window_may_be_closed_at_its_end(service: Service) -> None:
    connector = _open(service, watermark="changed", since_param="since", until_param="until")
    piece = connector.slices("2026-01-10")[0]
    service.records = [*service.records, {"id": "later", "changed": "2026-02-01"}]
    rows = [row for batch in connector.read(piece) for row in batch.to_pylist()]
    assert {row["changed"] for row in rows} == {f"2026-01-{day}" for day in range(10, 29)}


@pytest.mark.parametrize(
    ("increment", "since", "earlier"),
    [
        (Increment("c", "w", overlap=10), 100, 90),
        (Increment("c", "w", overlap=10), "100", "90"),
        (Increment("c", "w", overlap=1), "000100", "000099"),
        (Increment("c", "w", overlap=60), "2026-01-05T08:00:30+08:00", "2026-01-05T07:59:30+08:00"),
        (Increment("c", "w", overlap=86_400), "2026-01-01", "2025-12-31"),
        (Increment("c", "w", "%Y%m%d%H%M%S", 60), "20260101000030", "20251231235930"),
        (Increment("c", "w", "%d/%m/%Y", 86_400), "01/01/2026", "31/12/2025"),
    ],
)
def test_watermarks_step_back_in_their_own_writing(increment: Increment, since: Any, earlier: Any) -> None:
    assert increment.earlier(since) == earlier


@pytest.mark.parametrize(
    ("format", "values", "highest"),
    [
        (None, [9, 10, None], 10),
        (None, ["9", "10", ""], "10"),
        (None, ["9.5", "10.25"], "10.25"),
        (None, ["2026-01-05T08:00:00+08:00", "2026-01-05T00:30:00Z"], "2026-01-05T00:30:00Z"),
        (None, ["2026-01-05", "2026-01-04"], "2026-01-05"),
        ("%d/%m/%Y", ["31/12/2025", "01/01/2026"], "01/01/2026"),
        (None, [], None),
    ],
)
def test_watermarks_are_compared_as_what_they_mean(format: str | None, values: list[Any], highest: Any) -> None:
    assert Increment("c", "w", format).highest({"w": value} for value in values) == highest


def test_watermarks_that_do_not_compare_are_told(service: Service) -> None:
    for values in (["2026-01-05", "7"], ["2026-01-05T00:00:00", "2026-01-05T00:00:00Z"]):
        items = [{"id": str(n), "w": value} for n, value in enumerate(values)]
        body = json.dumps({"data": {"items": items, "total": 2}}).encode()
        service.answer = lambda _, body=body: (200, body, {})  # type: ignore[misc]
        error = _refusal(_open(service, watermark="w"))
        assert (type(error), error.code) == (Terminal, "connector.bad_binding")
    with pytest.raises(Terminal, match="watermark"):
        _open(service, watermark="w", overlap=5).slices("yesterday")
