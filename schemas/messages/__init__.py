"""Pydantic models of the HTTP interface; the OpenAPI document comes from here."""
