"""The officers' pages: they call desks inside one transaction per request, never HTTP. `mounting.mount(app)` is all that the application needs to know.

Nothing is imported here: `words` and `language` are read by mail too, in processes that serve no page.
"""
