"""What gets our own tools onto a machine. Standard library only: it runs before anything is installed."""
