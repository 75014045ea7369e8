"""The way to sts for who hears speech: phrases out of sound, and the best speech host that there is."""
