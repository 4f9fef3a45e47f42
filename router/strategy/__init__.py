"""When to rebalance, to what, and whether it pays. Pure: time, prices and costs come in as arguments."""
