"""What no stack may do, whatever its program says."""
