"""Why: what a resource is in the words of DCAT-AP 3: catalogue, exchange service, datasets and distributions, departments, places, categories.
Called by this room alone; makes graphs and knows nothing of formats.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rdflib import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD, Graph, Namespace, URIRef
from rdflib import Literal as Text

from catalog.dcat import vocabularies as eu
from catalog.dcat.addresses import Addresses, PublicSettings
from schemas.codes import code_table
from schemas.tables.departments import Department

OWN = "zh"
_VERSION = URIRef(f"{DCAT}version")  # of DCAT 3, which rdflib does not know yet
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
PREFIXES = {
    "dcat": str(DCAT), "dct": str(DCTERMS), "foaf": str(FOAF), "rdf": str(RDF), "rdfs": str(RDFS), "skos": str(SKOS), "vcard": str(VCARD),
    "xsd": str(XSD),
}  # fmt: skip
_SHARED, _REFUSED = (1, 2), 3
_MEDIA_JSON = URIRef("https://www.iana.org/assignments/media-types/application/json")


class Describer:
    """Makes the graphs of one export; remembers which shared nodes it has described."""

    def __init__(self, addresses: Addresses, departments: dict[str, Department]) -> None:
        self.at, self.departments = addresses, departments
        self.told: set[str] = set()
        self.guide = addresses.of("standards", "guide-2017")
        self.own_themes = addresses.of("categories", "all")

    def head(self, modified: datetime | None) -> Graph:
        """Return the catalogue itself, the exchange service, and every entry of the authority tables that may be named."""
        graph = _graph()
        self._vocabularies(graph)
        catalog, service = self.at.catalog, self.at.service
        _say(graph, catalog, "a", DCAT.Catalog)
        _say(
            graph,
            catalog,
            DCTERMS.title,
            Text("政务信息资源目录", OWN),
            Text("Directory of government information resources", "en"),
        )
        _say(
            graph,
            catalog,
            DCTERMS.description,
            Text("各部门已发布的政务信息资源。", OWN),
            Text("Published information resources of all departments.", "en"),
        )
        _say(graph, catalog, DCTERMS.publisher, self._publisher(graph))
        _say(graph, catalog, DCTERMS.language, URIRef(eu.CHINESE.iri), URIRef(eu.ENGLISH.iri))
        _say(graph, catalog, DCAT.themeTaxonomy, URIRef(eu.THEMES), self.own_themes)
        _say(graph, catalog, FOAF.homepage, self._document(graph, f"{self.at.base}/portal/resources"))
        _say(graph, catalog, DCAT.service, service)
        if modified:
            _say(graph, catalog, DCTERMS.modified, Text(modified))
        _say(graph, service, "a", DCAT.DataService)
        _say(graph, service, DCTERMS.title, Text("数据共享交换接口", OWN), Text("Exchange service", "en"))
        _say(graph, service, DCAT.endpointURL, self._thing(graph, f"{self.at.base}/v1"))
        _say(graph, service, DCAT.endpointDescription, self._thing(graph, f"{self.at.base}/openapi.json"))
        _say(graph, service, DCTERMS.accessRights, URIRef(eu.RESTRICTED.iri))
        return graph

    def datasets(self, rows: Iterable[Any], by_code: dict[str, str]) -> Graph:
        """Return the descriptions of these versions, with what they name for the first time."""
        graph = _graph()
        for resource_id, version, published_at, department_id, body in rows:
            node = self.at.of("resources", resource_id)
            _say(graph, self.at.catalog, DCAT.dataset, node)
            self._dataset(graph, node, body)
            self._owner(graph, node, department_id)
            _say(graph, node, _VERSION, Text(str(version)))
            if published_at:
                _say(graph, node, DCTERMS.modified, Text(published_at))
            for related in sorted({by_code[code] for code in body.get("related_codes") or () if code in by_code}):
                _say(graph, node, DCTERMS.relation, self._thing(graph, self.at.of("resources", related)))
            self._distribution(graph, node, resource_id, body)
        return graph

    def _dataset(self, graph: Graph, node: URIRef, body: dict[str, Any]) -> None:
        _say(graph, node, "a", DCAT.Dataset)
        _say(graph, node, DCTERMS.title, Text(body["name"], OWN))
        _say(graph, node, DCTERMS.description, Text(body.get("abstract") or body["name"], OWN))
        _say(
            graph,
            node,
            DCTERMS.identifier,
            *(Text(code) for code in (body.get("code"), *(body.get("more_codes") or ())) if code),
        )
        _say(graph, node, DCAT.keyword, *(Text(word, OWN) for word in body.get("keywords") or ()))
        _say(graph, node, DCTERMS.language, URIRef(eu.CHINESE.iri))
        _say(graph, node, DCTERMS.accessRights, URIRef(_right(body).iri))
        _say(graph, node, DCTERMS.conformsTo, self.guide)
        _say(graph, node, DCAT.landingPage, self._document(graph, self.at.page(body["id"])))
        if cycle := body.get("update_cycle"):
            _say(graph, node, DCTERMS.accrualPeriodicity, URIRef(eu.FREQUENCIES[cycle].iri))
        if day := body.get("publish_date"):
            _say(graph, node, DCTERMS.issued, Text(day, datatype=XSD.date))
        if duty := body.get("duty"):
            _say(
                graph,
                node,
                DCTERMS.provenance,
                _labelled(graph, URIRef(f"{node}#duty"), DCTERMS.ProvenanceStatement, duty),
            )
        self._themes(graph, node, body)

    def _themes(self, graph: Graph, node: URIRef, body: dict[str, Any]) -> None:
        _say(graph, node, DCAT.theme, URIRef(eu.LIBRARY_THEMES.get(body.get("library") or "", eu.GOVERNMENT).iri))
        if category := body.get("category"):
            concept = self.at.of("categories", category)
            _say(graph, node, DCAT.theme, concept)
            if self._first(concept):
                _say(graph, concept, "a", SKOS.Concept)
                _say(graph, concept, SKOS.prefLabel, Text(category, OWN))
                _say(graph, concept, SKOS.inScheme, self.own_themes)

    def _owner(self, graph: Graph, node: URIRef, department_id: str) -> None:
        _say(graph, node, DCTERMS.publisher, self._agent(graph, department_id))
        _say(graph, node, DCAT.contactPoint, self._contact(graph, department_id))
        known = self.departments.get(department_id)
        if known and known.division_code:
            place = self.at.of("divisions", known.division_code)
            _say(graph, node, DCTERMS.spatial, place)
            if self._first(place):
                _say(graph, place, "a", DCTERMS.Location)
                _say(graph, place, DCTERMS.identifier, Text(known.division_code))
                if name := code_table("divisions").entries.get(known.division_code):
                    _say(graph, place, SKOS.prefLabel, Text(name, OWN))

    def _distribution(self, graph: Graph, dataset: URIRef, resource_id: str, body: dict[str, Any]) -> None:
        """Say how it is had: by the exchange service when a library holds it, else on request; what is refused to all has no distribution."""
        sharing, library = body.get("sharing") or {}, body.get("library")
        if sharing.get("type") not in _SHARED:
            return
        node = URIRef(f"{dataset}#distribution")
        _say(graph, dataset, DCAT.distribution, node)
        _say(graph, node, "a", DCAT.Distribution)
        _say(
            graph,
            node,
            DCTERMS.title,
            Text(f"{body['name']}（{'接口' if library else sharing.get('mode', '接口')}）", OWN),
        )
        if library:
            _say(graph, node, DCAT.accessURL, self._thing(graph, self.at.api(library)))
            _say(graph, node, DCAT.accessService, self.at.service)
            _say(graph, self.at.service, DCAT.servesDataset, dataset)
            _say(graph, node, DCTERMS["format"], URIRef(eu.JSON.iri))
            _say(graph, node, DCAT.mediaType, _MEDIA_JSON)
        else:
            _say(graph, node, DCAT.accessURL, self._thing(graph, self.at.page(resource_id)))
            if known := eu.FILE_TYPES.get(str((body.get("format") or {}).get("type")).lower()):
                _say(graph, node, DCTERMS["format"], URIRef(known.iri))
        if condition := sharing.get("condition"):
            _say(
                graph,
                node,
                DCTERMS.rights,
                _labelled(graph, URIRef(f"{dataset}#condition"), DCTERMS.RightsStatement, condition),
            )

    def _publisher(self, graph: Graph) -> URIRef:
        roots = sorted(d.id for d in self.departments.values() if d.parent_id is None and d.state == "active")
        return self._agent(graph, PublicSettings().directory_publisher or next(iter(roots), "directory"))

    def _agent(self, graph: Graph, department_id: str) -> URIRef:
        node, known = self.at.of("departments", department_id), self.departments.get(department_id)
        if self._first(node):
            _say(graph, node, "a", FOAF.Agent)
            _say(graph, node, FOAF.name, Text(known.name, OWN) if known else Text(department_id))
            if known and known.uscc:
                _say(graph, node, DCTERMS.identifier, Text(known.uscc))
        return node

    def _contact(self, graph: Graph, department_id: str) -> URIRef:
        """Name the sharing office, never a person: a catalogue goes everywhere."""
        node, known = self.at.of("contacts", department_id), self.departments.get(department_id)
        if self._first(node):
            _say(graph, node, "a", VCARD.Kind, VCARD.Organization)
            _say(graph, node, VCARD.fn, Text((known.sharing_office or known.name) if known else department_id, OWN))
            contact = known.contact if known else {}
            if phone := contact.get("phone"):
                _say(graph, node, VCARD.hasTelephone, URIRef(f"tel:{quote(str(phone), safe='+-')}"))
            if email := contact.get("email"):
                _say(graph, node, VCARD.hasEmail, URIRef(f"mailto:{quote(str(email), safe='@')}"))
        return node

    def _vocabularies(self, graph: Graph) -> None:
        for term in eu.terms():
            _say(graph, URIRef(term.iri), "a", graph.namespace_manager.expand_curie(term.kind))
            _say(graph, URIRef(term.iri), SKOS.prefLabel, Text(term.en, "en"), Text(term.zh, OWN))
        _say(graph, _MEDIA_JSON, "a", DCTERMS.MediaType)
        for scheme, zh, en in (
            (URIRef(eu.THEMES), "欧盟数据主题", "Data themes"),
            (self.own_themes, "信息资源分类", "Categories of resources"),
        ):
            _say(graph, scheme, "a", SKOS.ConceptScheme)
            _say(graph, scheme, DCTERMS.title, Text(zh, OWN), Text(en, "en"))
        _say(graph, self.guide, "a", DCTERMS.Standard)
        _say(
            graph,
            self.guide,
            DCTERMS.title,
            Text("政务信息资源目录编制指南（试行）", OWN),
            Text("Guide to government information resource directories (trial)", "en"),
        )
        _say(graph, self.guide, DCTERMS.issued, Text("2017", datatype=XSD.gYear))

    def _document(self, graph: Graph, address: str) -> URIRef:
        _say(graph, URIRef(address), "a", FOAF.Document)
        return URIRef(address)

    def _thing(self, graph: Graph, address: str) -> URIRef:
        if self._first(f"thing {address}"):
            _say(graph, URIRef(address), "a", RDFS.Resource)
        return URIRef(address)

    def _first(self, node: str) -> bool:
        if node in self.told:
            return False
        self.told.add(node)
        return True


def _graph() -> Graph:
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, Namespace(namespace))
    return graph


def _say(graph: Graph, node: URIRef, what: Any, *values: Any) -> None:
    for value in values:
        graph.add((node, RDF.type if what == "a" else what, value))


def _labelled(graph: Graph, node: URIRef, kind: URIRef, words: str) -> URIRef:
    _say(graph, node, "a", kind)
    _say(graph, node, RDFS.label, Text(words, OWN))
    return node


def _right(body: dict[str, Any]) -> eu.Term:
    if body.get("is_open"):
        return eu.PUBLIC
    return eu.NON_PUBLIC if (body.get("sharing") or {}).get("type") == _REFUSED else eu.RESTRICTED
