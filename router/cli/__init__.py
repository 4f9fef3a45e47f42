"""The `rebalance` command. stdout is data, stderr is prose and progress."""

from router.cli.main import main

__all__ = ["main"]
