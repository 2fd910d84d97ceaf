"""What it looks like: tables, records, messages, code tables, identifiers, errors, and the door to the database."""
