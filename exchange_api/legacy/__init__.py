"""Why: systems that still call as the national sharing platform taught them are let in by a door of their own, off by default, weaker, and marked as such.
`doors` is the desk that opens and shuts it, `calls` what is asked through it. The record path behind it is the ordinary one.
"""
