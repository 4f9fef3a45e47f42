"""When to rebalance, to what, and whether it pays: pure functions of portfolio, prices, costs and time."""
