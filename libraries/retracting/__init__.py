"""Why: a batch that should never have been believed is taken back, and the libraries say exactly what the remaining batches say."""
