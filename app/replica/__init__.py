"""Read replicas: viewers of a cell, on machines of their own."""
