"""A stream with descriptions: what is seen, spoken where nobody speaks."""
