"""Why: the people of the city as they truly are, before any department writes them down: what police, civil affairs, education and human resources know.

Only hutong/demo/city_data.py comes here. Every table is in item terms: columns are item ids, values canonical text, None where there is nothing.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from hutong.demo.calendar_days import between, day, iso
from hutong.demo.names import Texts, addresses, numbers, person_names, pick
from hutong.demo.scale import Scale
from schemas.codes import divisions
from schemas.identifiers import append_citizen_check_digits

_SCHOOLS = (
    "兴和大学",
    "兴和师范学院",
    "江北理工大学",
    "滨海职业技术学院",
    "兴和第一中学",
    "兴和职业高级中学",
    "东湖财经大学",
    "南山医学院",
)
_EDUCATION = ("21", "21", "31", "31", "14", "11", "61", "41", "71", "81")
_MARITAL = ("20", "20", "20", "20", "10", "10", "40", "30", "21", "22")
_RESIDENCE = ("01",) * 47 + ("02", "03", "04")
_INSURED = ("01",) * 16 + ("02", "02", "03", "04")


def residents(draw: np.random.Generator, scale: Scale) -> pd.DataFrame:
    """Return every resident as the police register would have him if it never erred."""
    count = scale.residents
    wanted = count + count // 20 + 50  # some draws meet an id that is taken
    areas = _areas(draw, wanted)
    born = between(draw, day(scale.today) - 95 * 365, day(scale.today) - 400, wanted)
    sequence = draw.integers(1, 1000, wanted)
    first17 = (
        areas
        + np.char.replace(iso(born).astype("U10"), "-", "").astype(object)
        + np.char.zfill(sequence.astype("U3"), 3).astype(object)
    )
    people = pd.DataFrame(
        {"first17": first17, "birth_place": areas, "birth_date": iso(born), "female": sequence % 2 == 0}
    )
    people = people.drop_duplicates("first17").head(count).reset_index(drop=True)
    full = append_citizen_check_digits(pa.array(people.pop("first17").to_list(), pa.string()))
    people.insert(0, "citizen_id", np.array(full.to_pylist(), object))
    females = people.pop("female").to_numpy(bool)
    people["name"] = person_names(draw, females)
    people["sex"] = np.where(females, "2", "1").astype(object)
    people["ethnic_group"] = np.where(
        draw.random(count) < 0.9, "01", pick(draw, ("02", "03", "05", "08", "11", "15", "22"), count)
    )
    people["address"] = addresses(draw, pick(draw, _own_areas(), count))
    people["residence_status"] = pick(draw, _RESIDENCE, count)
    return people


def marriages(draw: np.random.Generator, people: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return what civil affairs knows: 60 % of the adults."""
    known = _some(draw, people[_adults(people, scale, 22)], 0.6)
    count = len(known)
    status = pick(draw, _MARITAL, count)
    earliest = (known["birth_date"].to_numpy("datetime64[D]").astype(np.int64)) + 22 * 366
    latest = day(scale.today) - 5
    registered = iso(earliest + (draw.random(count) * np.maximum(latest - earliest, 0)).astype(np.int64))
    registered[status == "10"] = None
    return pd.DataFrame(
        {
            "citizen_id": known["citizen_id"].to_numpy(object),
            "name": known["name"].to_numpy(object),
            "marital_status": status,
            "marriage_date": registered,
            "registry": pick(draw, ("兴和市民政局婚姻登记处", "兴和市滨江区婚姻登记处"), count),
        }
    )


def graduates(draw: np.random.Generator, people: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return what education knows: 55 % of those over 23."""
    known = _some(draw, people[_adults(people, scale, 24)], 0.55)
    count = len(known)
    left = known["birth_date"].to_numpy("datetime64[D]").astype(np.int64) + 22 * 366
    return pd.DataFrame(
        {
            "citizen_id": known["citizen_id"].to_numpy(object),
            "name": known["name"].to_numpy(object),
            "education": pick(draw, _EDUCATION, count),
            "school": pick(draw, _SCHOOLS, count),
            "graduation_date": iso(left),
        }
    )


def insured(draw: np.random.Generator, people: pd.DataFrame, firms: Texts, scale: Scale) -> pd.DataFrame:
    """Return what human resources knows: 25 % of the adults, each with an employer of the city."""
    known = _some(draw, people[_adults(people, scale, 19)], 0.25)
    count = len(known)
    since = known["birth_date"].to_numpy("datetime64[D]").astype(np.int64) + 19 * 366
    return pd.DataFrame(
        {
            "citizen_id": known["citizen_id"].to_numpy(object),
            "name": known["name"].to_numpy(object),
            "insurance_status": pick(draw, _INSURED, count),
            "employer": pick(draw, firms, count),
            # 19900: no operator has given these numbers out
            "phone": "19900" + np.char.zfill(numbers(draw, 0, 1_000_000, count).astype("U6"), 6).astype(object),
            "insured_since": iso(since),
        }
    )


def _areas(draw: np.random.Generator, count: int) -> Texts:
    own = [division.code for division in divisions() if division.level == "county" and division.code.startswith("3301")]
    other = [division.code for division in divisions() if division.level == "county"]
    return np.where(draw.random(count) < 0.8, pick(draw, own, count), pick(draw, other, count))


def _own_areas() -> list[str]:
    return [
        division.name for division in divisions() if division.level == "county" and division.code.startswith("3301")
    ]


def _adults(people: pd.DataFrame, scale: Scale, age: int) -> pd.Series:
    return people["birth_date"] < scale.years_ago(age)


def _some(draw: np.random.Generator, people: pd.DataFrame, share: float) -> pd.DataFrame:
    return people[draw.random(len(people)) < share].reset_index(drop=True)
