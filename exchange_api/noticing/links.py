"""Why: a notice is answered on a page. Which one, as a path of the portal and as an address for mail. Called by the channels and pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PAGES = (
    ("task", "/portal/tasks/"),
    ("grant", "/portal/grants/"),
    ("demand", "/portal/demands/"),
    ("resource", "/portal/resources/"),
    ("objection", "/portal/supervision/objections/"),
    ("own_week", "/portal/supervision/own/"),
    ("report", "/portal/reports/"),
    ("application", "/portal/applications/"),
)
"""Fact of a notice → where it is shown; the first fact that is there decides."""
OWN_PAGES = {"objection": (("objection", "/portal/objections/"),)}
"""Kinds whose fact means something else than elsewhere: a data objection, where supervision's is one to a score."""
KINDS_WITH_PAGE = (
    "demand",
    "task",
    "answer",
    "information",
    "grant",
    "quota",
    "clock",
    "deadline",
    "dispute",
    "version",
    "supervision",
    "application",
)
HOME = "/portal/"


def path_of(key: str, facts: Mapping[str, Any], demand_id: str | None = None) -> str:
    """Return the portal's page about a notice; the workbench where there is none."""
    known = {**facts, "demand": demand_id} if demand_id else facts
    kind = key.partition(".")[0]
    pages = OWN_PAGES.get(kind, PAGES if kind in KINDS_WITH_PAGE else ())
    for name, page in pages:
        if isinstance(value := known.get(name), str) and value:
            return page + quote(value, safe=".-_")
    return HOME


def address_of(path: str) -> str:
    """Return the address of a portal's page as the world outside knows it."""
    from catalog.dcat.addresses import PublicSettings  # brings rdflib: only whoever writes to the outside pays for it

    return PublicSettings().public_address.rstrip("/") + path
