"""`localnet` and `demo`."""
