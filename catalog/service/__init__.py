"""What citizens are asked for, and what of it need no longer be asked for."""
