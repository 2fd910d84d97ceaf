"""Why: what operators see of the machine interface: figures, health, traces and lines of log, none of which names a person."""
