"""Why: who walks the chain sees no more of it than is theirs. One condition per kind of node, put into the questions to the database themselves, so that
counts and pages never tell what is hidden. Called by the room alone; `Viewer` by whoever asks for a trace.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from schemas.tables.exchange import Application

_ALL_SEEING = {"authority", "auditor"}


@dataclass(frozen=True)
class Viewer:
    """Who looks: at everything, or at what belongs to these applications and these departments."""

    is_all: bool = False
    applications: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()

    def condition(self, kind: str, node: str) -> str:
        """Return the SQL condition under which a node of this kind, whose id is the expression `node`, is shown."""
        if self.is_all:
            return "true"
        demands = {f"asked_{name}": _ASKED.format(demand=demand) for name, demand in ({"id": node} | _DEMANDS).items()}
        return f"({_SHOWN[kind].format(id=node, **demands, **_GRANTS)})"

    @property
    def facts(self) -> dict[str, list[str]]:
        """Return what the conditions ask for by name."""
        return {"applications": list(self.applications), "departments": list(self.departments)}


EVERYTHING = Viewer(is_all=True)


def of_officer(session: Session, actor: Actor) -> Viewer:
    """Return what an officer may see: authority and auditor all, others what concerns their department and its applications."""
    if _ALL_SEEING & actor.roles:
        return EVERYTHING
    asking = select(Application.id).where(Application.department_id == actor.department_id)
    return Viewer(applications=tuple(session.scalars(asking)), departments=(actor.department_id,))


_PROVIDED = """EXISTS (SELECT FROM exchange.grant_items vi JOIN directory.resource_versions vv ON vv.id = vi.resource_version_id
    JOIN directory.resources vr ON vr.id = vv.resource_id WHERE vi.grant_id = {grant} AND vr.department_id = ANY(:departments))"""
_ASKED = """EXISTS (SELECT FROM exchange.demands vd WHERE vd.id = {demand} AND (vd.department_id = ANY(:departments) OR vd.application_id = ANY(:applications)
    OR EXISTS (SELECT FROM exchange.grants vg WHERE vg.demand_id = vd.id AND vg.application_id = ANY(:applications))))"""
_ENTRY = """EXISTS (SELECT FROM evidence.entries ve WHERE ve.id = {id} AND (ve.application_id = ANY(:applications)
    OR {provided_ve}))"""
_BATCH = """EXISTS (SELECT FROM landing.batches vb JOIN directory.resources vr ON vr.id = vb.resource_id
    WHERE vb.id = {id} AND vr.department_id = ANY(:departments))
    OR EXISTS (SELECT FROM evidence.paths vp WHERE vp.batch = {id} AND vp.application_id = ANY(:applications))"""
_GRANTS = {
    f"provided_{name}": _PROVIDED.format(grant=grant) for name, grant in (("vg", "vg.id"), ("ve", "ve.grant_id"))
}
_DEMANDS = {"vw": "vw.id", "vt": "vt.demand_id", "vg": "vg.demand_id"}
PATH = "p.application_id = ANY(:applications) OR " + _PROVIDED.format(grant="p.grant_id")
"""The condition for a whole path `p`: one's own answers, or answers from one's own resources."""
RECIPIENT = """p.application_id = ANY(:applications) OR EXISTS (SELECT FROM exchange.recalls vc
    WHERE vc.id = p.recall_id AND vc.department_id = ANY(:departments))"""
"""The condition for a recall's recipient `p`."""

_SHOWN = {
    "service_item": """EXISTS (SELECT FROM directory.service_items vs WHERE vs.id = {id} AND vs.department_id = ANY(:departments))
        OR EXISTS (SELECT FROM exchange.demands vd WHERE vd.service_item_id = {id} AND (vd.department_id = ANY(:departments)
        OR vd.application_id = ANY(:applications)))
        OR EXISTS (SELECT FROM exchange.grants vg WHERE vg.service_item_id = {id} AND (vg.application_id = ANY(:applications)
        OR {provided_vg}))""",
    "application": """{id} = ANY(:applications) OR EXISTS (SELECT FROM exchange.grants vg WHERE vg.application_id = {id}
        AND {provided_vg})""",
    "demand": """{asked_id} OR EXISTS (SELECT FROM exchange.task_demands vt
        JOIN exchange.supply_tasks vs ON vs.id = vt.task_id WHERE vt.demand_id = {id} AND vs.department_id = ANY(:departments))""",
    "match": """EXISTS (SELECT FROM exchange.matches vm JOIN exchange.demand_items vi ON vi.id = vm.demand_item_id
        JOIN exchange.demands vw ON vw.id = vi.demand_id WHERE vm.id = {id} AND {asked_vw})
        OR EXISTS (SELECT FROM exchange.matches vm JOIN exchange.supply_answers va ON va.demand_item_id = vm.demand_item_id
        JOIN exchange.supply_tasks vs ON vs.id = va.task_id WHERE vm.id = {id} AND vs.department_id = ANY(:departments))""",
    "supply_task": """EXISTS (SELECT FROM exchange.supply_tasks vs WHERE vs.id = {id} AND vs.department_id = ANY(:departments))
        OR EXISTS (SELECT FROM exchange.task_demands vt WHERE vt.task_id = {id} AND {asked_vt})""",
    "dispute": """EXISTS (SELECT FROM exchange.disputes vz WHERE vz.id = {id}
        AND (vz.department_id = ANY(:departments) OR vz.against_id = ANY(:departments)))""",
    "grant": """EXISTS (SELECT FROM exchange.grants vg WHERE vg.id = {id} AND (vg.application_id = ANY(:applications)
        OR {provided_vg} OR {asked_vg}))""",
    "resource": """EXISTS (SELECT FROM directory.resources vr WHERE vr.id = {id} AND vr.department_id = ANY(:departments))
        OR EXISTS (SELECT FROM exchange.grant_items vi JOIN directory.resource_versions vv ON vv.id = vi.resource_version_id
        JOIN exchange.grants vg ON vg.id = vi.grant_id WHERE vv.resource_id = {id} AND vg.application_id = ANY(:applications))""",
    "version": """EXISTS (SELECT FROM directory.resource_versions vv JOIN directory.resources vr ON vr.id = vv.resource_id
        WHERE vv.id = {id} AND vr.department_id = ANY(:departments))
        OR EXISTS (SELECT FROM exchange.grant_items vi JOIN exchange.grants vg ON vg.id = vi.grant_id
        WHERE vi.resource_version_id = {id} AND vg.application_id = ANY(:applications))
        OR EXISTS (SELECT FROM landing.batches vb JOIN evidence.paths vp ON vp.batch = vb.id
        WHERE vb.resource_version_id = {id} AND vp.application_id = ANY(:applications))""",
    "batch": _BATCH,
    "quality": _BATCH,
    "ruling": """EXISTS (SELECT FROM evidence.paths vp WHERE vp.batch = 'ruling:' || {id} AND vp.application_id = ANY(:applications))""",
    "records": _ENTRY,
    "answer": _ENTRY,
    "receipt": _ENTRY,
    "objection": """EXISTS (SELECT FROM exchange.objections vo WHERE vo.id = {id} AND (vo.application_id = ANY(:applications)
        OR vo.department_id = ANY(:departments) OR vo.source_department_id = ANY(:departments)))""",
    "recall": """EXISTS (SELECT FROM exchange.recalls vc WHERE vc.id = {id} AND vc.department_id = ANY(:departments))
        OR EXISTS (SELECT FROM exchange.recall_recipients vc WHERE vc.recall_id = {id} AND vc.application_id = ANY(:applications)
        AND vc.notified_at IS NOT NULL)""",
}
