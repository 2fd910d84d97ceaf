"""A synthetic city: departments, their real source systems, seeded dirt and the answer key that says what must become of each fault."""
