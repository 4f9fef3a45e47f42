"""A local chain with the real protocols, seeded from one readable scenario file."""

from router.localnet.accounts import LocalAccount
from router.localnet.chain import Localnet, build_localnet, start_localnet
from router.localnet.scenario import DEFAULT_SCENARIO, Scenario, load_scenario

__all__ = [
    "DEFAULT_SCENARIO",
    "LocalAccount",
    "Localnet",
    "Scenario",
    "build_localnet",
    "load_scenario",
    "start_localnet",
]
