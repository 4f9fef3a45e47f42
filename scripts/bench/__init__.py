"""Benchmarks of the planner and the pools against named peers: `make bench`."""
