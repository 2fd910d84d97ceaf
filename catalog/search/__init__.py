"""Why: officers look for what they need in their own words. Chinese and mixed text over names, codes, abstracts, items, elements, synonyms and pinyin,
in memory, without any extension of the database. Called by commands, pages and desks above.
"""

from catalog.search.entries import FIELDS, Entry
from catalog.search.finding import Filters, Hit, Page, find, listed, prepare
from catalog.search.reasons import Why

__all__ = ["FIELDS", "Entry", "Filters", "Hit", "Page", "Why", "find", "listed", "prepare"]
