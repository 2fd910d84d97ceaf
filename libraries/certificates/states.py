"""Why: which state a certificate may go to from which is law and common sense in one table, so that a revoked one that is suddenly valid again is noticed.
Read by `flags` (sources that move otherwise are named) and `hutong certificate`; what is served is the library's own declaration (`libraries.serving`).
"""

DRAFT, VALID, SUSPENDED, WITHDRAWN, CANCELLED, EXPIRED, TRANSFERRED, REVOKED, SUPERSEDED, OTHER = (
    "00",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "99",
)
_ENDS = {SUSPENDED, WITHDRAWN, CANCELLED, EXPIRED, TRANSFERRED, REVOKED, SUPERSEDED, OTHER}
TRANSITIONS: dict[str, frozenset[str]] = {
    DRAFT: frozenset({VALID, CANCELLED}),
    VALID: frozenset(_ENDS),
    SUSPENDED: frozenset({VALID} | _ENDS - {SUSPENDED, OTHER}),  # 暂扣 ends in giving back or in one of the ends
    EXPIRED: frozenset({VALID, CANCELLED, WITHDRAWN, SUPERSEDED}),  # prolonged under the same version, or tidied up
    TRANSFERRED: frozenset({CANCELLED}),
    WITHDRAWN: frozenset(),  # 撤销, 吊销 and 注销 are final: a mistake is put right by a new certificate or a steward's ruling
    REVOKED: frozenset(),
    CANCELLED: frozenset(),
    SUPERSEDED: frozenset({CANCELLED}),
    OTHER: frozenset(_ENDS | {VALID}) - {OTHER},
}
"""State → the states that may follow it. The first known state may be any: stock is digitised as it is."""

STATUSES = {
    VALID: "valid", SUSPENDED: "restricted", OTHER: "restricted", EXPIRED: "expired", DRAFT: "not_found",
    WITHDRAWN: "ended", CANCELLED: "ended", REVOKED: "ended", TRANSFERRED: "ended", SUPERSEDED: "superseded",
}  # fmt: skip
"""What an asker who names one certificate is told of its state (GB/T 36906 as implemented: 0, 10, 21, 22, 23)."""


def may_follow(former: str | None, state: str) -> bool:
    """Tell whether a certificate may go from one state to another; staying is always allowed."""
    return former is None or former == state or state in TRANSITIONS.get(former, frozenset())
