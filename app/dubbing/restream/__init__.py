"""The process that sends one dub on to another server."""
