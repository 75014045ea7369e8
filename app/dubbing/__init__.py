"""Live dubbing: the dubber and its workers, one process a stream and language."""
