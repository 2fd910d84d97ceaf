"""Why: beside what a resource says stands how it is: its quality, whether it comes in time, who uses it. Read as the steward's pages read them.
Called by `pages.resources`.
"""

from dataclasses import dataclass

from exchange_api.directory import using
from exchange_api.directory.using import User
from exchange_api.portal.visit import Visit
from exchange_api.steward import pipelines
from exchange_api.steward.pipelines import Pipeline, Wanted
from libraries.judging import quality
from libraries.judging.quality import ResourceQuality
from schemas.tables.directory import ResourceVersion


@dataclass(frozen=True)
class Standing:
    """How a resource is: quality and pipeline are None where nothing is collected; users as far as the officer may know; is_steward: the pipeline's pages open
    to him; is_whole: `users` names everyone.
    """

    quality: ResourceQuality | None
    pipeline: Pipeline | None
    users: list[User]
    is_steward: bool
    is_whole: bool


def standing(visit: Visit, row: ResourceVersion) -> Standing:
    """Return how the resource of a version is."""
    collected = pipelines.find(visit.session, Wanted(resource=row.resource_id))
    own = visit.actor.department_id == row.department_id
    return Standing(
        quality=quality.of(visit.session, row.resource_id) if collected else None,
        pipeline=collected[0] if collected else None,
        users=using.users(visit.session, visit.actor, row.resource_id, row.department_id),
        is_steward=visit.has("steward") or (own and visit.has("provider")),
        is_whole=own or visit.has("authority", "auditor", "steward"),
    )
