"""Why: the database of `benchmarks.query`: a migrated hub with a population of any size, one application, one grant, a signing key."""

from datetime import date
from typing import Any

import pyarrow as pa
from adbc_driver_postgresql import dbapi
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.population import population
from exchange_api import applications
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.signing import SoftwareSigner
from schemas.database import database_url, engine, libpq_uri, transaction
from schemas.migrations import upgrade
from schemas.tables import departments, directory, exchange, landing, services

GRANT, ITEM, RESOURCE = "SQ-2026-000001", "bench.service", "public_security.resident"
ITEMS = ("name", "sex", "birth_date", "address", "marital_status")
SAMPLE = 20_000
BATCH = 1_000_000
"""The batch of all residents; its number is none that a batch after it will get."""
_FILL = f"""
INSERT INTO library.population (subject, name, sex, ethnic_group, birth_date, birth_place, address, residence_status, marital_status, phone, sources, batches)
SELECT citizen_id, name, sex, ethnic_group, birth_date::date, birth_place, address, residence_status, marital_status, phone,
    array_fill(1::smallint, ARRAY[14]), array_fill({BATCH}, ARRAY[14])
FROM public.bench_population ORDER BY citizen_id
"""


def build(rows: int) -> dict[str, Any]:
    """Fill the database that HUTONG_DATABASE_URL names; return what a caller needs: grant, purpose, private key, some subjects."""
    upgrade(database_url())
    people = population(rows)
    _fill(people)
    signer = SoftwareSigner.generate()
    with transaction() as session:
        ensure_active_key(session)
        _grant(session, signer)
    step = max(1, rows // SAMPLE)
    subjects = people.column("citizen_id").take(pa.array(range(0, rows, step))).to_pylist()
    return {"grant": GRANT, "service_item": ITEM, "pem": signer.pem().decode(), "subjects": subjects}


def _fill(people: pa.Table) -> None:
    with dbapi.connect(libpq_uri()) as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("bench_population", people, mode="create")
        connection.commit()
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (
            _FILL,
            "DROP TABLE public.bench_population",
            "VACUUM ANALYZE library.population",
            "CHECKPOINT",
        ):
            connection.execute(text(statement))


def _grant(session: Session, signer: SoftwareSigner) -> None:
    session.add(departments.Department(id="housing", name="住建局", short_name="住建"))
    session.flush()
    session.add(directory.Resource(id=RESOURCE, number=1, department_id="housing"))
    session.add(services.ServiceItem(id=ITEM, name="测试事项", department_id="housing"))
    session.flush()
    version = f"{RESOURCE}@1"
    session.add(
        directory.ResourceVersion(
            id=version, resource_id=RESOURCE, version=1, state="published", document={}, digest="0"
        )
    )
    session.flush()
    session.add(
        landing.Batch(
            id=f"{RESOURCE}/1",
            number=BATCH,
            resource_id=RESOURCE,
            resource_version_id=version,
            run_id="1",
            state="merged",
        )
    )
    applications.register(session, "bench", "bench", "housing")
    applications.register_key(session, "bench", signer.public.jwk)
    session.add(
        exchange.Demand(
            id="XQ-2026-000001", department_id="housing", service_item_id=ITEM, purpose="-", basis="-", created_by="-"
        )
    )
    session.flush()
    period = {"valid_from": date(2020, 1, 1), "valid_until": date(2099, 1, 1), "quota_per_day": 10**9}
    session.add(
        exchange.Grant(
            id=GRANT,
            demand_id="XQ-2026-000001",
            application_id="bench",
            library="population",
            service_item_id=ITEM,
            **period,
        )
    )
    session.flush()
    for name in ITEMS:
        session.add(exchange.GrantItem(grant_id=GRANT, attribute=name, resource_version_id=version, item_id=name))
