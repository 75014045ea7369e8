"""What stands in front of every service's own code: who may ask, and how a connection has to behave."""
