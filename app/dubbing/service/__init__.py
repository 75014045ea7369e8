"""The dubber's own process: API, streams, watcher of the media server, the workers' supervisor."""
