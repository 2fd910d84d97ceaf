"""Why: the data steward's desk: who may see which pipeline, what was ordered and how far it came, what a retraction would cost, whose record was looked at."""
