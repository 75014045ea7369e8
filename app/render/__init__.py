"""The catalogue as containers, as a Compose file, as images, and as the media server's configuration."""
