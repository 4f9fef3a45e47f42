"""The only floor that opens a socket: reading a block, running a transaction on it, sending, deployments."""
