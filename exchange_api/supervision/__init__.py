"""Why: 电子监察 and 考核: what departments owe each other is seen to, and each is scored by figures that open down to their cases. Pages, the DAG
`supervision` and `hutong supervision` call it.
"""
