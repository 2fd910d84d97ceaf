"""Why: whoever harvests catalogues reads DCAT. The published directory as DCAT-AP 3, in Turtle or JSON-LD, whole or in part. Called by commands and pages.

Conforms to the official DCAT-AP 3.0.0 SHACL shapes without inference: every class they ask for is said. Every node has an address of its own, so that the
same directory gives the same text. Nothing is fetched: vocabularies and context are said in the document.
"""

from catalog.dcat.addresses import PublicSettings
from catalog.dcat.writing import Form, parts, write

__all__ = ["Form", "PublicSettings", "parts", "write"]
