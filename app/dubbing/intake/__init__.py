"""The process that takes a transport stream in, for the media server and the dubber."""
