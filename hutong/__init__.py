"""The front door: command line, embedded services, the demonstration city."""
