"""What is done to a phrase's text around its translation, whichever engine translates. Pure."""
