"""Why: source systems' addresses and secrets live in one place for both ways of running. Without Airflow, `find_connection` reads the environment
and the JSON file that Airflow 3.3's LocalFilesystemBackend reads, in exactly its format; `dags` hands Airflow's own fields to `make_connection`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field

from connectors.base import Connection
from schemas.errors import Terminal
from schemas.settings import HutongSettings

# The parameters of airflow.models.connection.Connection, the only keys its file backend accepts.
_FIELDS = {
    "conn_id",
    "conn_type",
    "description",
    "host",
    "login",
    "password",
    "schema",
    "port",
    "extra",
    "extra_dejson",
    "uri",
    "team_name",
}


class ConnectionSettings(HutongSettings):
    """Where the connections of the source systems are written down."""

    connections_file: Path | None = Field(
        default=None,
        description="JSON file of source connections, in the format of Airflow's LocalFilesystemBackend; also named to Airflow.",
    )


def find_connection(id: str) -> Connection:
    """Return a connection by id: environment AIRFLOW_CONN_<ID> (JSON or URI) first, then the file of HUTONG_CONNECTIONS_FILE.

    Raises Terminal connector.unknown_connection, connector.bad_connection.
    """
    given = os.environ.get(f"AIRFLOW_CONN_{id.upper()}")
    if given:
        return make_connection(id, _json(id, given) if given.lstrip().startswith("{") else given)
    path = ConnectionSettings().connections_file
    found = read_connections(path) if path else {}
    if id not in found:
        raise Terminal("connector.unknown_connection", connection=id, variable=f"AIRFLOW_CONN_{id.upper()}")
    return found[id]


def read_connections(path: Path) -> dict[str, Connection]:
    """Return every connection of a JSON file as Airflow's LocalFilesystemBackend reads it: {conn_id: {conn_type, host, …} | URI | [one of them]}.

    Raises Terminal connector.bad_connection.
    """
    try:
        content = _json(path.name, path.read_text("utf-8"))
    except OSError:
        raise Terminal("connector.bad_connection", connection=path.name, reason="the file cannot be read") from None
    return {id: make_connection(id, _single(id, value)) for id, value in content.items()}


def make_connection(id: str, value: Mapping[str, Any] | str) -> Connection:
    """Build a connection from Airflow's fields or from an Airflow URI. Raises Terminal connector.bad_connection."""
    if isinstance(value, Mapping) and isinstance(value.get("uri"), str):
        value = value["uri"]
    if isinstance(value, str):
        return _from_uri(id, value)
    if not isinstance(value, Mapping) or not set(value) <= _FIELDS:
        unknown = ", ".join(sorted(set(value) - _FIELDS)) if isinstance(value, Mapping) else "not an object"
        raise Terminal("connector.bad_connection", connection=id, reason=f"unknown keys: {unknown}")
    extra = value.get("extra_dejson") or value.get("extra") or {}
    extra = _json(id, extra) if isinstance(extra, str) else extra
    port = value.get("port")
    if not str(port or 0).isdigit():
        raise Terminal("connector.bad_connection", connection=id, reason="port is not a number")
    texts = {name: value.get(name) or None for name in ("host", "login", "password")}
    return Connection(
        id,
        str(value.get("conn_type") or ""),
        port=int(port) if port else None,
        database=value.get("schema") or None,
        extra=extra,
        **texts,
    )


def _from_uri(id: str, uri: str) -> Connection:
    """Read `conn-type://login:password@host:port/schema?extra`, also `http://https://host` for a host with its own protocol."""
    kind, _, rest = uri.partition("://")
    protocol, _, inner = rest.partition("://") if "://" in rest.split("?")[0] else ("", "", rest)
    try:
        parts = urlsplit("//" + inner)
        port = parts.port
    except ValueError:
        raise Terminal("connector.bad_connection", connection=id, reason="the URI cannot be parsed") from None
    host = unquote(parts.hostname) if parts.hostname else None
    query: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        id,
        "postgres" if kind == "postgresql" else kind.replace("-", "_"),
        f"{protocol}://{host}" if protocol and host else host,
        port,
        unquote(parts.path[1:]) or None,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        _json(id, query["__extra__"]) if "__extra__" in query else query,
    )


def _single(id: str, value: Any) -> Any:
    if isinstance(value, list):
        if len(value) != 1:
            raise Terminal("connector.bad_connection", connection=id, reason=f"{len(value)} values for one id")
        return value[0]
    return value


def _json(id: str, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"not JSON (line {error.lineno})"
    else:
        if isinstance(content, dict):
            return content
        reason = "not a JSON object"
    raise Terminal("connector.bad_connection", connection=id, reason=reason) from None
