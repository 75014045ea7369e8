"""Speech to text over REST."""
