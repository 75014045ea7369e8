"""The process that joins a stream's picture, its sounds and its subtitles for one player."""
