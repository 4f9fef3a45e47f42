"""What importing the strategy floor costs."""

import subprocess
import sys

HEAVY = [
    "arch",
    "clarabel",
    "croniter",
    "cvxpy",
    "matplotlib",
    "pandas",
    "quantstats",
    "scipy",
    "skfolio",
    "sklearn",
    "vollib",
]


def test_importing_the_floor_loads_no_heavy_library():
    code = f"import sys, router.strategy; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
