"""Notices beyond the portal: by mail and by signed webhook, at once or as a daily digest, through an outbox that forgets nothing and sends nothing twice.

`wording` (words of a notice anywhere), `kinds` and `links`; `ways` (where to), `outbox` (what is due), `mailing` and `calling` (the two channels),
`sending` (the round that the DAG `notices` makes), `reading` (what officers mark as read).
"""
