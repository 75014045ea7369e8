"""What a host of production is given at its first boot."""
