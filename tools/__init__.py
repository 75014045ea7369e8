"""What gets Voicestack's own tools onto a machine. Standard library only: it runs before anything is installed."""
