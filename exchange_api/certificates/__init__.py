"""Why: a room for what is asked about certificates: status, verification, one file as an annotated copy. `certificate_desk.py` is the screen to start with."""
