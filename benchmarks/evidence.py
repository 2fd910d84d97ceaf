"""Why: proof must cost little and stay cheap as the log grows. The log at a million entries: putting entries in, proving one, auditing all, signing an
answer beside the raw Ed25519 operation, verifying a receipt. `python -m benchmarks.evidence [--entries 1000000]`; one JSON line per measure.
"""

import argparse
import json
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from statistics import median, quantiles
from typing import Any
from uuid import UUID, uuid4

import psycopg

from benchmarks.ground import against, measured, own_server, set_environment, stopwatch

LOOKED_AT, ROUNDS, ORIGIN = 1_000, 5, "hutong.local/log"
BARS: dict[str, dict[str, float]] = {
    "evidence.sequence": {"us_per_entry": 50.0},
    "evidence.proof": {"p99_ms": 5.0, "worst_ms": 5.0},
    "evidence.audit": {"us_per_entry": 10.0},
    "evidence.sign": {"us_beyond_raw": 40.0},
    "evidence.verify": {"ms": 5.0},
}
_COPY = """COPY evidence.entries (id, at, kind, application_id, keyid, nonce, request_id, grant_id, library, status, document)
FROM STDIN (FORMAT BINARY)"""
_TYPES = ["uuid", "timestamptz", "text", "text", "text", "text", "text", "text", "text", "int2", "bytea"]


def main() -> None:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description="The evidence log.")
    parser.add_argument("--entries", type=int, default=1_000_000)
    entries = parser.parse_args().entries
    with own_server() as (folder, uri):
        set_environment(HUTONG_DATABASE_URL=uri.replace("postgresql://", "postgresql+psycopg://"), HUTONG_KEYS_FOLDER=str(folder / "keys"))  # fmt: skip
        for work, arguments in (
            (fill, (entries,)),
            (sequence, ()),
            (_prove, (entries,)),
            (_sign_and_verify, ()),
        ):
            measured(work, *arguments)
        audit = get_context("spawn").Process(target=_audit)  # those of a pool may have no processes of their own
        audit.start()
        audit.join()
        if audit.exitcode:
            raise SystemExit("the audit failed")


def _say(bench: str, entries: int, **facts: Any) -> None:
    line = {
        "bench": bench,
        "rows": entries,
        **facts,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line | against(line, BARS.get(bench))), flush=True)


def fill(entries: int) -> None:
    """Stand the database up and record entries as answers leave them, 1.6 KB each."""
    from exchange_api.evidence.keyring import ensure_active_key
    from schemas.database import database_url, libpq_uri, transaction
    from schemas.migrations import upgrade

    upgrade(database_url())
    with transaction() as session:
        ensure_active_key(session)
    with stopwatch("evidence.fill", entries), psycopg.connect(libpq_uri()) as connection:
        cursor = connection.cursor()
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in _rows(entries):
                copy.write_row(row)


def _rows(entries: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of one answer's entry, told over and over under other ids."""
    from exchange_api.evidence.ledger import Entry, answer_of, entry_row, new_receipt_id, question_of
    from exchange_api.signing import SoftwareSigner

    caller = SoftwareSigner.generate()
    request, response, signed = _exchange(caller, SoftwareSigner.generate())
    ids = {"id": new_receipt_id(), "nonce": new_receipt_id(), "request_id": new_receipt_id()}
    entry = Entry(
        at=datetime.now(UTC), kind="answer", application_id="housing.desk", keyid=caller.keyid, grant_id="SQ-2026-000001", library="population",
        purpose={"service_item": "public_rental_housing", "case": "XQ-2026-000001"}, subjects=["ab" * 32], batches=["public_security.resident/run-1"],
        directory_versions=["public_security.resident@1"], facts={"known_at": "2026-03-01T08:00:00Z"},
        request=question_of(request, caller.public.jwk), response=answer_of(response, signed), **ids,
    )  # fmt: skip
    row = entry_row(entry)
    before = [one.encode() for one in ids.values()]
    for _ in range(entries):
        fresh = [new_receipt_id() for _ in before]
        document = row[11]
        for old, new in zip(before, fresh, strict=True):
            document = document.replace(old, new.encode())
        yield (UUID(fresh[0]), *row[1:5], fresh[1], fresh[2], *row[7:10], document)


def sequence() -> None:
    """Put everything recorded into the log, as the sequencer does: a checkpoint and a commit for each batch."""
    from exchange_api.evidence.sequencer import sequence_once
    from exchange_api.keys import active_signer
    from schemas.database import transaction

    begun, done = time.perf_counter(), 0
    while True:
        with transaction("sequencer") as session:
            added = sequence_once(session, active_signer(session), ORIGIN)
        if not added:
            break
        done += added
    seconds = time.perf_counter() - begun
    _say("evidence.sequence", done, rows_per_s=round(done / seconds), us_per_entry=round(seconds / done * 1e6, 1))


def _prove(entries: int) -> None:
    """Fetch entries at random with their inclusion proofs, each in a transaction of its own."""
    from schemas.database import libpq_uri

    with psycopg.connect(libpq_uri(), autocommit=True) as connection:
        connection.execute("ANALYZE evidence.entries, evidence.leaves, evidence.tiles")
        places = random.Random(7).sample(range(entries), min(LOOKED_AT, entries))
        ids = [
            str(one)
            for (one,) in connection.execute("SELECT entry_id FROM evidence.leaves WHERE index = ANY(%s)", (places,))
        ]
        edges = [
            str(one)
            for (one,) in connection.execute(
                "SELECT entry_id FROM evidence.leaves WHERE index = ANY(%s)", (_edges(entries),)
            )
        ]
    times = [_prove_one(one) for one in ids]
    worst = max(_usual(one) for one in edges)
    told = {
        "p50_ms": round(median(times), 2),
        "p99_ms": round(quantiles(times, n=100)[98], 2),
        "worst_ms": round(worst, 2),
    }
    _say("evidence.proof", entries, **told)


def _edges(entries: int) -> list[int]:
    """Return the positions whose proofs are the dearest: both ends, and both sides of where the tiles of each level end."""
    borders = [entries // wide * wide for wide in (256, 65_536, 1 << entries.bit_length() - 1)]
    return sorted({one for border in (0, *borders, entries) for one in (border - 1, border) if 0 <= one < entries})


def _usual(entry_id: str) -> float:
    """Return the milliseconds of one entry's proof, the median of a few: a position is dear or it is not, whatever else the machine did."""
    return median(_prove_one(entry_id) for _ in range(ROUNDS))


def _prove_one(entry_id: str) -> float:
    from exchange_api.evidence.log import find_entry
    from schemas.database import transaction

    begun = time.perf_counter()
    with transaction("reader") as session:
        assert find_entry(session, entry_id) is not None
    return (time.perf_counter() - begun) * 1e3


def _audit() -> None:
    """Recompute the whole log, by as many processes as `hutong log audit` takes."""
    from exchange_api.evidence.audit.walk import Wish, audit_log
    from schemas.database import transaction

    begun, processes = time.perf_counter(), os.cpu_count() or 1
    with transaction("reader") as session:
        found = audit_log(session, Wish(ORIGIN, processes=processes))
    seconds = time.perf_counter() - begun
    assert found.findings.total == 0, found.findings.named[:3]
    each = round(seconds / found.entries * 1e6, 1)
    _say(
        "evidence.audit",
        found.entries,
        rows_per_s=round(found.entries / seconds),
        us_per_entry=each,
        seconds=round(seconds, 2),
        processes=processes,
        peak_rss_mb_each=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    )


def _sign_and_verify() -> None:
    """Sign an answer beside the raw operation; verify a receipt of the log."""
    from exchange_api.evidence.receipt import verify_receipt
    from exchange_api.evidence.receipts import build_receipt
    from exchange_api.keys import active_signer, jwks
    from exchange_api.signing import SoftwareSigner, sign_response
    from schemas.database import transaction

    hub = SoftwareSigner.generate()
    request, response, _ = _exchange(SoftwareSigner.generate(), hub)
    base = b"x" * 800
    raw = _microseconds(lambda: hub.sign(base))
    whole = _microseconds(lambda: sign_response(response, request, hub, 1_790_000_000))
    _say("evidence.sign", 1, us=round(whole, 1), us_raw=round(raw, 1), us_beyond_raw=round(whole - raw, 1))
    with transaction("reader") as session:
        keys, _ = jwks(session), active_signer(session)
        (one,) = session.connection().exec_driver_sql("SELECT entry_id FROM evidence.leaves WHERE index = 2").one()
        receipt = build_receipt(session, str(one))
    _say(
        "evidence.verify",
        1,
        ms=round(_microseconds(lambda: verify_receipt(receipt, keys), 200) / 1e3, 2),
        bytes=len(receipt),
    )


def _exchange(caller: Any, hub: Any) -> tuple[Any, Any, Any]:
    """Return a signed question, its answer of 2 KB, and the answer's signature."""
    from exchange_api.signing import Request, Response, sign_request, sign_response

    headers = {"content-type": "application/json", "x-request-id": str(uuid4())}
    bare = Request("POST", "hub.example:8443", "/v1/libraries/population/query", "", headers, b'{"subjects":["x"]}')
    request = replace(bare, headers={**headers, **sign_request(bare, caller, 1_790_000_000)})
    response = Response(200, {**headers, "x-receipt": str(uuid4())}, b"x" * 2_000)
    return request, response, sign_response(response, request, hub, 1_790_000_000)


def _microseconds(work: Callable[[], object], times: int = 2_000) -> float:
    """Return the median over rounds of what one call takes."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - begun) / times * 1e6)
    return median(rounds)


if __name__ == "__main__":
    main()
