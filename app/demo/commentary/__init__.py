"""`make demo-commentary`: a video in which it is known what happens, commented on and scored."""
