"""Departments are renamed, merged, split, founded and dissolved; what they own follows, and names that nobody could place find their department."""
