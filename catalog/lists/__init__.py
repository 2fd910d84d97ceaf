"""Plain tables as departments and districts keep them: pairs of resources and items, lists of service items."""
