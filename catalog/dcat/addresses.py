"""Why: an address that is given out once is looked up for years. Where things of the directory are known, all in one place. Called by this room alone."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from pydantic import Field
from rdflib import URIRef

from schemas.settings import HutongSettings


class PublicSettings(HutongSettings):
    """By what address, and in whose name, the directory is known outside."""

    public_address: str = Field(
        default="http://hutong.local",
        description="Address that this hub is known by; every address in DCAT-AP begins with it: set it once.",
    )
    directory_publisher: str | None = Field(
        default=None,
        description="Id of the department that publishes the directory; default the first one that has none above it.",
    )


@dataclass(frozen=True)
class Addresses:
    """Where things of the directory are known; stable as long as HUTONG_PUBLIC_ADDRESS is."""

    base: str

    @cached_property
    def catalog(self) -> URIRef:
        """Return the catalogue itself."""
        return URIRef(f"{self.base}/catalog")

    @cached_property
    def service(self) -> URIRef:
        """Return the exchange service."""
        return URIRef(f"{self.base}/catalog/exchange")

    def of(self, kind: str, key: str) -> URIRef:
        """Return the address of one thing of the directory."""
        return URIRef(f"{self.base}/catalog/{kind}/{quote(key, safe='')}")

    def page(self, resource_id: str) -> URIRef:
        """Return the page of the portal that shows a resource."""
        return URIRef(f"{self.base}/portal/resources/{resource_id}")

    def api(self, library: str) -> URIRef:
        """Return where a library is asked."""
        path = "certificates" if library == "certificate" else f"libraries/{library}"
        return URIRef(f"{self.base}/v1/{path}/query")
