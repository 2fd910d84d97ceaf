"""One module per page: it reads the form, calls desks, fills a template."""
