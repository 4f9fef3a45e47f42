"""From a snapshot and a portfolio to a plan."""

from router.planner.compose import plan

__all__ = ["plan"]
