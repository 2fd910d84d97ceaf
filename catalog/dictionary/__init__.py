"""How items and data elements hold together: what an item inherits, where it deviates, which elements are still missing."""
