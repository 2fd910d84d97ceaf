"""Files in bulk: built beside the questions under a signed manifest, in the granted forms and rows, fetched piece by piece, gone when the grant is."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from sqlalchemy import update
from sqlalchemy.orm import Session

from exchange_api.exports import building
from schemas.tables.exports import Export
from tests.exchange_api.conftest import COMPANY, PEOPLE, PURPOSE
from tests.exchange_api.exporting import Bulk
from tests.exchange_api.feeding import Consumer, left_as_found, writing
from tests.hutong.installation import wait_until


@pytest.fixture(scope="module", autouse=True)
def _library(exchange_site: Any) -> Iterator[None]:
    with left_as_found(exchange_site):
        yield


@pytest.fixture(scope="module")
def bulk(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bulk]:
    """The exchange with a storage of its own; builders in this process find the same."""
    folder: Path = tmp_path_factory.mktemp("bulk")
    environment = exchange_site.environment | {"HUTONG_LANDING": str(folder / "landing"), "HUTONG_EXPORTS_PER_DAY": "3"}
    with pytest.MonkeyPatch.context() as patch, serve(environment, folder / "server.log") as authority:
        for name, value in (environment | {"HUTONG_EXPORT_FILE_ROWS": "10"}).items():
            patch.setenv(name, value)
        yield Bulk(
            dataclasses.replace(exchange_site, url=f"http://{authority}", authority=authority), folder / "landing"
        )


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_an_export_holds_what_is_granted_and_nothing_else(bulk: Bulk, form: str) -> None:
    grant_id = bulk.grant({"name": "masked", "birth_date": "full", "phone": "masked", "marital_status": "yes_no"})
    told = bulk.built(grant_id, form)
    rows = bulk.rows(told)
    assert [row["subject"] for row in rows] == sorted(row["subject"] for row in rows)
    assert set(PEOPLE) <= {row["subject"] for row in rows}
    values = rows[0] if form == "parquet" else rows[0]["values"]
    assert set(values) - {"subject"} == {"name", "birth_date", "phone"}
    raw = b"".join(bulk.contents(told))
    assert "欧阳小".encode() not in raw
    assert b"13800000001" not in raw
    assert [one["rows"] for one in told["files"][:-1]] == [10] * (len(told["files"]) - 1)
    assert told["rows_written"] == len(rows)


def test_the_manifest_is_signed_and_any_changed_bit_of_a_file_is_found(bulk: Bulk) -> None:
    told = bulk.built(bulk.grant({"name": "full"}))
    signed, manifest = told["signed"], json.loads(told["signed"]["text"])
    head, _, signature = signed["signature"].split(".")
    (jwk,) = [one for one in bulk.site.jwks["keys"] if one["kid"] == signed["keyid"]]
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
    assert jws.validate_compact(
        jws.extract_compact(f"{head}..{signature}".encode(), payload=signed["text"].encode()),
        key,
        algorithms=["Ed25519"],
    )
    entry = json.loads(bulk.site.entry(signed["evidence"]).document)
    assert (entry["facts"]["export"], entry["batches"]) == (told["export"], ["public_security.resident/run-1"])
    assert manifest["purpose"] == PURPOSE
    path = bulk.landing / "exports" / told["export"] / "part-00002.ndjson"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert bulk.fetch(told["files"][0]["address"]).status == 200
    refused = bulk.fetch(told["files"][1]["address"])
    assert (refused.status, json.loads(refused.body)["code"]) == (500, "export.damaged")


def test_a_download_goes_on_where_it_broke_off(bulk: Bulk) -> None:
    file = bulk.built(bulk.grant({"name": "full"}))["files"][0]
    whole = bulk.fetch(file["address"])
    assert (whole.status, whole.headers["etag"]) == (200, f'"{file["sha256"]}"')
    size = len(whole.body)
    first = bulk.fetch(file["address"], range="bytes=0-99")
    rest = bulk.fetch(file["address"], range="bytes=100-", if_range=whole.headers["etag"])
    assert (first.status, rest.status, rest.headers["content-range"]) == (206, 206, f"bytes 100-{size - 1}/{size}")
    assert first.body + rest.body == whole.body
    assert bulk.fetch(file["address"], range="bytes=-7").body == whole.body[-7:]
    assert bulk.fetch(file["address"], range="bytes=100-", if_range='"another"').body == whole.body
    assert bulk.fetch(file["address"], range="bytes=0-1,3-4").body == whole.body
    outside = bulk.fetch(file["address"], range=f"bytes={size}-")
    assert (outside.status, json.loads(outside.body)["code"]) == (416, "export.range")


@pytest.mark.parametrize("point", ["in a file", "file not noted", "file noted", "before the manifest"])
def test_a_builder_killed_anywhere_loses_nothing_and_does_nothing_twice(bulk: Bulk, point: str) -> None:
    _, told = bulk.ask(bulk.grant({"name": "full"}))
    bulk.killed(told["export"], point)
    before = [(one.number, one.sha256) for one in bulk.files(told["export"])]
    _, seen = bulk.see(told)
    assert seen["state"] == "building"
    address = f"/v1/grants/{told['grant']}/exports/{told['export']}/files/1"
    assert json.loads(bulk.fetch(address).body)["code"] == "export.not_ready"
    with writing(bulk.site) as write:  # what is merged meanwhile is of a later moment
        write.change(PEOPLE[39 - 10], name=f"其间 {point}")
    assert building.build(told["export"]) == "ready"
    rows = bulk.rows(bulk.see(told)[1])
    assert len({row["subject"] for row in rows}) == len(rows) >= len(PEOPLE)
    assert all("其间 " + point != row["values"]["name"] for row in rows)
    assert [(one.number, one.sha256) for one in bulk.files(told["export"])][: len(before)] == before
    assert not list((bulk.landing / "exports" / told["export"]).glob("*.tmp"))


def test_the_same_request_is_the_same_export(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full"})
    same = {"x-request-id": "5d0c1f5e-7e58-4f57-9f35-6c2f7f8a9b01"}
    (_, first), (_, again) = bulk.ask(grant_id, headers=same), bulk.ask(grant_id, headers=same)
    assert (first["export"], first["receipt"]) == (again["export"], again["receipt"])
    assert bulk.ask(grant_id, "parquet", headers=same)[1]["code"] == "request_id.reused"
    assert [bulk.ask(grant_id)[0] for _ in range(3)] == [202, 202, 429]


def test_a_grant_taken_back_stops_building_and_serving(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full"})
    told = bulk.built(grant_id)
    _, waiting = bulk.ask(grant_id)
    bulk.site.change_grant(grant_id, suspended_by_provider=True)
    address = told["files"][0]["address"]
    wait_until(lambda: json.loads(bulk.fetch(address).body).get("code") == "grant.suspended")
    assert building.build(waiting["export"]) == "stopped"
    assert not (bulk.landing / "exports" / waiting["export"]).exists()
    bulk.site.change_grant(grant_id, suspended_by_provider=False)
    wait_until(lambda: bulk.see(waiting)[0] == 200)
    seen = bulk.see(waiting)[1]
    assert (seen["state"], seen["code"]) == ("stopped", "grant.suspended")


def test_a_grant_taken_back_in_the_middle_leaves_no_file(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full"})
    _, told = bulk.ask(grant_id)

    def revoke(number: int, _rows: int) -> None:
        if number == 2:
            bulk.site.change_grant(grant_id, state="revoked")

    assert building.build(told["export"], revoke) == "stopped"
    assert not (bulk.landing / "exports" / told["export"]).exists()


def test_rows_that_change_stop_what_was_built_under_others(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full"})
    told = bulk.built(grant_id)
    bulk.site.change_grant(grant_id, rows=[{"attribute": "sex", "kind": "in", "values": ["1"]}])
    wait_until(
        lambda: json.loads(bulk.fetch(told["files"][0]["address"]).body or b"{}").get("code") == "export.stopped"
    )


def test_one_called_off_is_deleted_and_one_that_expired_too(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full"})
    cancelled, expired = bulk.built(grant_id), bulk.built(grant_id)
    assert bulk.see(cancelled, "DELETE")[1]["state"] == "cancelled"
    assert bulk.see(cancelled, "DELETE")[1]["state"] == "cancelled"
    assert not (bulk.landing / "exports" / cancelled["export"]).exists()
    assert json.loads(bulk.fetch(cancelled["files"][0]["address"]).body)["code"] == "export.not_ready"
    with Session(bulk.site.engine) as session:
        past = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
        session.execute(update(Export).where(Export.id == expired["export"]).values(**past))
        session.commit()
    assert bulk.fetch(expired["files"][0]["address"]).status == 410
    building.sweep()
    assert not (bulk.landing / "exports" / expired["export"]).exists()


def test_an_export_at_a_moment_is_what_the_feed_made_of_the_copy_by_then(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full", "phone": "masked"})
    consumer = Consumer(bulk.site, grant_id, limit=11)
    consumer.follow()
    with writing(bulk.site) as write:
        write.change(PEOPLE[20], name="先改")
        write.remove(PEOPLE[21])
    consumer.follow()
    then, moment = dict(consumer.copy), consumer.known_at
    with writing(bulk.site) as write:
        write.change(PEOPLE[20], name="后改", phone="13911112222")
        write.add(PEOPLE[21], name="回来")
    assert bulk.kept(bulk.built(grant_id, known_at=moment)) == then
    told = bulk.built(grant_id)
    after = Consumer(bulk.site, grant_id, cursor=json.loads(told["signed"]["text"])["feed"], copy=bulk.kept(told))
    with writing(bulk.site) as write:
        write.change(PEOPLE[22], name="导出之后")
    assert [one["subject"] for one in after.follow()] == [PEOPLE[22]]
    consumer.follow()
    assert after.copy == consumer.copy


def test_numbers_and_entries_are_told_as_answers_tell_them(bulk: Bulk) -> None:
    grant_id = bulk.grant({"name": "full", "registered_capital": "full"}, library="legal_entity")
    (row,) = bulk.rows(bulk.built(grant_id))
    assert row == {"subject": COMPANY, "values": {"name": "兴和机械有限公司", "registered_capital": 500.5}}
    consumer = Consumer(bulk.site, grant_id)
    consumer.follow()
    assert consumer.copy == {COMPANY: {"subject": COMPANY, "values": row["values"]}}


def test_certificates_leave_with_their_last_day_and_by_a_name_that_tells_nothing(bulk: Bulk) -> None:
    grant_id = bulk.grant({"certificate_type": "full", "holder_name": "masked"}, library="certificate")
    told = bulk.built(grant_id)
    consumer = Consumer(bulk.site, grant_id)
    consumer.follow()
    assert bulk.kept(told) == consumer.copy
    assert all(name.startswith("~") for name in consumer.copy)
    assert bulk.site.certificate.encode() not in b"".join(bulk.contents(told))
    entry = f"{bulk.site.certificate}0"
    with writing(bulk.site, "certificate") as write:
        write.change(entry, valid_until=datetime.now(UTC).date() - timedelta(days=2))
    assert [one["change"] for one in consumer.follow()] == ["removed"]
    assert bulk.kept(bulk.built(grant_id)) == consumer.copy
    with writing(bulk.site, "certificate") as write:
        write.change(entry, valid_until=None)
    assert [one["change"] for one in consumer.follow()] == ["added"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"items": ["marital_status"]}, "item.form"),
        ({"items": ["education"]}, "item.not_granted"),
        ({"items": ["shoe_size"]}, "item.unknown"),
        ({"as_of": "2026-03-01"}, "export.as_of"),
        ({"known_at": "2999-01-01T00:00:00Z"}, "record.known_at_future"),
        ({"format": "xlsx"}, "request.malformed"),
        ({"purpose": {"service_item": "other", "case": "1"}}, "purpose.mismatch"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(bulk: Bulk, wrong: dict[str, Any], code: str) -> None:
    grant_id = bulk.grant({"name": "full", "marital_status": "yes_no"})
    path = f"/v1/grants/{grant_id}/exports"
    _, response = bulk.site.ask({"purpose": PURPOSE, "format": "ndjson"} | wrong, path)
    assert json.loads(response.body)["code"] == code


def test_anothers_export_is_as_unknown_as_none(bulk: Bulk) -> None:
    told = bulk.built(bulk.grant({"name": "full"}))
    other = bulk.grant({"name": "full"})
    assert bulk.see(told | {"grant": other})[1]["code"] == "export.unknown"
    path = f"/v1/grants/{told['grant']}/exports/{told['export']}"
    _, response = bulk.site.ask(None, path, method="GET", signer=bulk.site.other_signer)
    assert json.loads(response.body)["code"] == "grant.unknown"
    assert bulk.fetch(told["files"][0]["address"].replace("files/1", "files/99")).status == 404
