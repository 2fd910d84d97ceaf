"""Why: the whole city on one screen: the truth, what each department sends of it, which faults are in it and what must come out of it.

`generate` is a function of the scale alone: the same seed gives the same city. Called by hutong/demo/sources.py and tests; writes nothing.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
import pyarrow as pa

from hutong.demo import entities, registers, residents
from hutong.demo.delivery import Delivery, Fault, plain
from hutong.demo.scale import Scale
from hutong.demo.spoil_organisations import spoil_certificates, spoil_decisions, spoil_enterprises, spoil_institutions
from hutong.demo.spoil_people import spoil_graduates, spoil_insured, spoil_marriages, spoil_residents
from schemas import yaml_data
from schemas.identifiers import append_citizen_check_digits
from schemas.resource import ResourceDocument

CITY = files("hutong.demo") / "city"


@dataclass
class City:
    """Everything generated: deliveries by resource id; `half_written`: entries of a credit file whose transfer broke off."""

    scale: Scale
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    half_written: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def faults(self) -> list[Fault]:
        """Return every seeded fault in records; files are told where they are written."""
        return [fault for delivery in self.deliveries.values() for fault in delivery.faults]


@cache
def documents() -> dict[str, ResourceDocument]:
    """Return the city's resource documents by id, as hutong/demo/city/resources holds them."""
    found = (
        ResourceDocument.model_validate(yaml_data.parse(file.read_text("utf-8")))
        for file in (CITY / "resources").iterdir()
    )
    return {document.id: document for document in sorted(found, key=lambda document: document.id)}


def generate(scale: Scale) -> City:
    """Return the city of this scale."""
    city = City(scale)
    people = _people(city)
    firms = _organisations(city, people)
    _registers(city, people, firms)
    return city


def _people(city: City) -> pd.DataFrame:
    scale = city.scale
    people = residents.residents(_luck(scale, 1), scale)
    police = _deliver(city, "public_security.resident", people, 2)
    spoil_residents(police, scale)
    vouched = set(police.claims()["citizen_id"])
    draw = _luck(scale, 3)
    married = _deliver(city, "civil_affairs.marriage", residents.marriages(draw, people, scale), 4)
    spoil_marriages(married, scale, married.good["citizen_id"].isin(vouched).to_numpy(bool))
    schooled = _deliver(city, "education.graduate", residents.graduates(draw, people, scale), 5)
    spoil_graduates(schooled, scale)
    return plain(people[people["citizen_id"].isin(vouched)].reset_index(drop=True))


def _organisations(city: City, people: pd.DataFrame) -> pd.DataFrame:
    scale, draw = city.scale, _luck(city.scale, 6)
    found = entities.enterprises(draw, people, scale)
    market = _deliver(city, "market_regulation.enterprise", found, 7)
    spoil_enterprises(market, scale)
    bodies = entities.institutions(draw, people, scale)
    turned = market.good[market.untouched].head(scale.faults(20))[list(entities.COLUMNS)]
    listed = pd.concat([bodies, turned], ignore_index=True)
    office = _deliver(city, "organisation_office.institution", listed, 8)
    spoil_institutions(office, scale, np.arange(len(listed)) >= len(bodies))
    employers = found["name"].to_numpy(object)
    worked = _deliver(
        city, "human_resources.insured", residents.insured(_luck(scale, 9), _everyone(city), employers, scale), 10
    )
    spoil_insured(worked, scale)
    return market.claims()


def _registers(city: City, people: pd.DataFrame, firms: pd.DataFrame) -> None:
    scale, draw = city.scale, _luck(city.scale, 11)
    persons = people.rename(columns={"citizen_id": "code"})[["code", "name"]]
    companies = firms.rename(columns={"uscc": "code"})[["code", "name"]]
    known = pd.concat([companies, persons.head(len(companies) // 2)], ignore_index=True)
    extra = max(20, scale.entries // 50)
    entries = plain(registers.decisions(draw, known, scale.entries + extra, scale))
    city.half_written = entries.tail(extra)
    decided = _deliver(city, "credit_office.decision", entries.head(scale.entries), 12)
    strangers = _strangers(scale.faults(30) + scale.faults(10))
    spoil_decisions(decided, scale, strangers[: scale.faults(30)])
    issued = _deliver(
        city, "certificate_bureau.certificate", registers.certificates(draw, persons, companies, scale), 13
    )
    spoil_certificates(issued, scale, strangers[scale.faults(30) :])


def _deliver(city: City, resource: str, good: pd.DataFrame, stream: int) -> Delivery:
    city.deliveries[resource] = Delivery(documents()[resource], good, _luck(city.scale, stream))
    return city.deliveries[resource]


def _everyone(city: City) -> pd.DataFrame:
    """Return all residents as they truly are, those included whose police record is spoilt."""
    return city.deliveries["public_security.resident"].good.drop_duplicates("citizen_id")


def _strangers(count: int) -> list[str]:
    """Return sound citizen ids of nobody: division 330199 does not exist and no resident bears it."""
    texts = pa.array([f"33019919900101{number:03d}" for number in range(1, count + 1)], pa.string())
    found: list[str] = append_citizen_check_digits(texts).to_pylist()
    return found


def _luck(scale: Scale, stream: int) -> np.random.Generator:
    return np.random.default_rng([scale.seed, stream])
