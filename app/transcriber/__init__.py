"""transcriber: works off uploads, piece by piece, beside any number of others."""
