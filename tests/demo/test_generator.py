"""The generator: the same seed gives the same city, identifiers are sound, a clean row breaks no rule, and every fault is in the key."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hutong.demo.city_data import City, generate
from hutong.demo.scale import Scale
from hutong.demo.sources import Sources, prepare
from hutong.demo.truth import golden
from schemas.codes import divisions
from schemas.errors import Invalid
from schemas.identifiers import (
    citizen_id_birth_dates,
    citizen_id_sex,
    valid_certificate_identifiers,
    valid_citizen_ids,
    valid_uscc,
)

SMALL = Scale(factor=0.02)
KINDS = {
    "wrong_check_digit", "fifteen_digit_id", "id_as_number", "birth_date_against_id", "unknown_code", "missing_required",
    "over_long_text", "duplicate_key", "full_width_digits", "trailing_spaces", "impossible_date", "orphan_entry",
    "expired_served_as_valid", "conflicting_name", "half_written_file", "same_file_twice",
}  # fmt: skip


@pytest.fixture(scope="module")
def small() -> City:
    return generate(SMALL)


def test_same_seed_same_city(small: City) -> None:
    again = generate(SMALL)
    assert again.faults == small.faults
    for name, delivery in small.deliveries.items():
        pd.testing.assert_frame_equal(delivery.sent, again.deliveries[name].sent)
        pd.testing.assert_frame_equal(delivery.good, again.deliveries[name].good)


def test_another_seed_another_city(small: City) -> None:
    other = generate(Scale(seed=7, factor=0.02))
    name = "public_security.resident"
    assert not other.deliveries[name].good["citizen_id"].isin(small.deliveries[name].good["citizen_id"]).any()


def test_default_size() -> None:
    scale = Scale()
    assert (scale.residents, scale.entities, scale.entries, scale.certificates) == (50_000, 5_000, 20_000, 30_000)


def test_truth_is_sound(small: City) -> None:
    people = small.deliveries["public_security.resident"].good
    ids = pa.array(people["citizen_id"].tolist())
    assert pa.compute.all(valid_citizen_ids(ids)).as_py()
    assert [d.isoformat() for d in citizen_id_birth_dates(ids).to_pylist()] == people["birth_date"].tolist()
    assert citizen_id_sex(ids).to_pylist() == people["sex"].tolist()
    assert set(people["citizen_id"].str.slice(0, 6)) <= {division.code for division in divisions()}
    for name in ("market_regulation.enterprise", "organisation_office.institution"):
        codes = small.deliveries[name].good["uscc"]
        assert pa.compute.all(valid_uscc(pa.array(codes.tolist()))).as_py()
        assert codes.is_unique
    identifiers = small.deliveries["certificate_bureau.certificate"].good["certificate_identifier"]
    assert pa.compute.all(valid_certificate_identifiers(pa.array(identifiers.tolist()))).as_py()


def test_every_kind_is_seeded_and_told(sources: Sources) -> None:
    key = json.loads(sources.answer_key.read_text("utf-8"))
    assert set(key["kinds"]) >= KINDS
    assert len(key["kinds"]) >= 15
    assert Counter(fault["kind"] for fault in key["faults"]) == Counter(key["kinds"])
    for fault in key["faults"]:
        assert bool(fault["reasons"]) == (fault["expected"] == "quarantined")


def test_only_told_rows_are_spoilt(small: City) -> None:
    for delivery in small.deliveries.values():
        told = {fault.subject for fault in delivery.faults if fault.item is None}
        habits = {name.partition(".")[0] for name in delivery.habits}
        columns = [column for column in delivery.sent.columns if column not in habits]
        sent, good = delivery.sent[columns], delivery.good[columns]
        differs = ((sent != good) & ~(sent.isna() & good.isna())).any(axis=1).to_numpy()
        rows = np.flatnonzero(differs & delivery.held)
        assert set(delivery.keys(rows, delivery.good)) <= told


def test_truth_leaves_out_what_is_held(small: City) -> None:
    found = golden(small)
    held = small.deliveries["credit_office.decision"]
    gone = set(held.keys(np.flatnonzero(held.held), held.good))
    assert gone
    assert not gone & set(found["credit"]["entry"])
    assert found["population"]["subject"].is_unique


def test_sources_are_taken_up_again_and_another_city_is_refused(sources: Sources) -> None:
    before = sources.answer_key.stat().st_mtime_ns
    assert prepare(sources.folder, SMALL).answer_key.stat().st_mtime_ns == before
    with pytest.raises(Invalid, match=r"demo\.another_city"):
        prepare(sources.folder, Scale(factor=0.03))
