"""The archive: uploads and their transcripts in PostgreSQL and a folder, shared by api and transcriber."""
