"""Why: what a token may be used for is narrower than what its client may do. One table: scope → the roles whose steps it opens.
Called by `tokens` and `routes`.
"""

from collections.abc import Iterable

SCOPES: dict[str, frozenset[str]] = {
    "demands.read": frozenset({"demander", "authority", "auditor"}),
    "demands.write": frozenset({"demander", "authority"}),
    "supply.read": frozenset({"provider", "authority", "auditor"}),
    "supply.write": frozenset({"provider", "authority"}),
    "grants.read": frozenset({"demander", "provider", "authority", "auditor"}),
    "grants.write": frozenset({"demander", "provider", "authority"}),
    "disputes.read": frozenset({"demander", "provider", "authority", "auditor"}),
    "disputes.write": frozenset({"demander", "provider", "authority"}),
    "notices.read": frozenset({"demander", "provider", "steward", "authority", "auditor"}),
    "notices.write": frozenset({"demander", "provider", "steward", "authority", "auditor"}),
    "trace.read": frozenset({"demander", "provider", "steward", "authority", "auditor"}),
    "deadlines.read": frozenset({"demander", "provider", "steward", "authority", "auditor"}),
    "deadlines.write": frozenset({"demander", "provider", "authority"}),
    "findings.read": frozenset({"authority", "auditor"}),
    "findings.write": frozenset({"authority"}),
    "access.read": frozenset({"authority"}),
}


def scopes_of(roles: Iterable[str]) -> list[str]:
    """Return the scopes that these roles have any use for, sorted."""
    held = set(roles)
    return sorted(scope for scope, opened in SCOPES.items() if held & opened)
