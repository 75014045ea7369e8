"""Commentary on video: what is seen is told, in text and speech, at the pace of the picture."""
