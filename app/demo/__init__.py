"""The demo: sample speech video, its publisher, and the measurements of the dubbed stream."""
