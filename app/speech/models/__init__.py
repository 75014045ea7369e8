"""What a model is called, what it is made of, and where it comes from."""
