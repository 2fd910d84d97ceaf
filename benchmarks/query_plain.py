"""Why: the peers of `benchmarks.query` that know nothing of this project: `plain` (FastAPI + asyncpg) and `orm` (FastAPI, sync, SQLAlchemy's ORM) give the
same JSON without any proof. Apart from `query_peers`, so that their memory and their collector are not burdened with ours.

The environment says where the database is and where sources stand: HUTONG_DATABASE_URL, BENCH_PLACES (JSON: attribute → place).
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ARRAY, Integer, SmallInteger, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

URL = os.environ["HUTONG_DATABASE_URL"]
PLACES: dict[str, int] = json.loads(os.environ["BENCH_PLACES"])
RESOURCE, GRANT = "public_security.resident", "SQ-2026-000001"
SQL = f"SELECT subject, {', '.join(PLACES)}, sources, batches, version, recorded_at FROM library.population WHERE subject = ANY($1::text[])"
CONNECTIONS = 8


class Purpose(BaseModel):
    """What it is asked for."""

    model_config = ConfigDict(extra="forbid")
    service_item: str
    case: str | None = None


class Question(BaseModel):
    """The question."""

    model_config = ConfigDict(extra="forbid")
    grant: str
    purpose: Purpose
    subjects: tuple[str, ...]


class Base(DeclarativeBase):
    """The ORM's base."""


class Resident(Base):
    """A resident as the ORM reads it."""

    __tablename__ = "population"
    __table_args__ = ({"schema": "library"},)
    subject: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    sex: Mapped[str | None]
    birth_date: Mapped[date | None]
    address: Mapped[str | None]
    marital_status: Mapped[str | None]
    sources: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    batches: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    version: Mapped[int]
    recorded_at: Mapped[datetime]


def plain() -> FastAPI:
    """Return an ordinary FastAPI + asyncpg endpoint."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uri = URL.replace("+psycopg", "")
        async with asyncpg.create_pool(uri, min_size=CONNECTIONS, max_size=CONNECTIONS) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/libraries/population/query")
    async def query(question: Question) -> JSONResponse:
        rows = await app.state.pool.fetch(SQL, question.subjects)
        return JSONResponse(_answer(question, [_record(dict(row)) for row in rows]))

    return app


def orm() -> FastAPI:
    """Return an ordinary FastAPI endpoint that reads through SQLAlchemy's ORM, in threads."""
    engine = create_engine(URL, pool_size=CONNECTIONS, max_overflow=32)
    app = FastAPI()

    @app.post("/v1/libraries/population/query")
    def query(question: Question) -> JSONResponse:
        with Session(engine) as session:
            found = session.scalars(select(Resident).where(Resident.subject.in_(question.subjects)))
            return JSONResponse(_answer(question, [_record(vars(one)) for one in found]))

    return app


def _answer(question: Question, records: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"library": "population", "grant": question.grant, "directory_versions": [f"{RESOURCE}@1"]}
    return {**named, "records": records, "receipt": GRANT}


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "subject": row["subject"],
        "found": True,
        "values": {name: str(row[name]) for name in PLACES},
        "version": row["version"],
        "recorded_at": row["recorded_at"].isoformat(),
        "sources": {
            name: {"resource": RESOURCE, "batch": f"{RESOURCE}/1"} for name, at in PLACES.items() if row["sources"][at]
        },
    }
