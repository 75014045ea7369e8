"""`make demo-uploads`: a made-up interview, uploaded, written down, found and exported."""
