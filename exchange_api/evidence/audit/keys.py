"""Why: the list of keys could be back-dated, were each step of a key's life not an entry of the log. Holds the rows of `signing_keys` to those entries.
Called by `walk`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.keyring import key_period
from exchange_api.signing import PublicKey, public_key_from_jwk
from schemas.errors import Invalid
from schemas.tables.evidence import SigningKey

_AFTER: dict[Any, tuple[str, ...]] = {
    None: ("next",),
    "next": ("active", "revoked"),
    "active": ("retired", "revoked"),
    "retired": ("revoked",),
    "revoked": (),
}
_SLACK = timedelta(seconds=60)
"""A batch that was being put into the log when its key was rolled is signed by the key before."""


def check_keys(rows: Iterable[SigningKey], told: Iterable[Mapping[str, Any]], findings: Findings) -> None:
    """Hold each key's row to the newest of its entries, and its entries to the steps that exist."""
    newest: dict[str, Mapping[str, Any]] = {}
    for facts in told:
        keyid = str(facts.get("keyid"))
        before = newest.get(keyid)
        if facts.get("state") not in _AFTER.get(before and before.get("state"), ()):
            findings.add(
                "key.step", keyid, f"from {before and before.get('state')} to {facts.get('state')}: no such step"
            )
        newest[keyid] = facts
    held = {row.keyid: row for row in rows}
    for keyid in newest.keys() - held.keys():
        findings.add("key.missing", keyid, "the log tells of this key, and signing_keys has no row of it")
    for keyid, row in held.items():
        if keyid not in newest:
            findings.add("key.added", keyid, "signing_keys has a row that the log does not tell of")
        else:
            _check_key(row, newest[keyid], findings)


def usable_keys(rows: Iterable[SigningKey]) -> dict[str, tuple[PublicKey, SigningKey]]:
    """Return the keys that can sign a checkpoint, by id."""
    found = {}
    for row in rows:
        try:
            found[row.keyid] = public_key_from_jwk(row.public_jwk, row.keyid), row
        except Invalid:
            continue  # of a kind that signs answers only, or altered: then the check of keys names it
    return found


def was_in_use(row: SigningKey, moment: datetime) -> bool:
    """Say whether the key was in use at a moment."""
    begun = row.not_before is not None and row.not_before - _SLACK <= moment
    return begun and (row.not_after is None or moment <= row.not_after + _SLACK)


def _check_key(row: SigningKey, facts: Mapping[str, Any], findings: Findings) -> None:
    found = {"state": row.state, "jwk": row.public_jwk, "algorithm": row.algorithm, **key_period(row)}
    for name, value in found.items():
        if name in facts and facts[name] != value:
            findings.add("key.altered", row.keyid, f"{name} is not what the log tells")
