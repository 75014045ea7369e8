"""api: uploads, transcripts, search and exports over HTTP."""
