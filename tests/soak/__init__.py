"""Days without a fault: streams are dubbed while things go wrong, and all is measured. See __main__."""
