"""What a policy would have earned and cost on recorded prices.

prices = load_prices("daily.csv", ["BTC_close", "ETH_close"])
study = Backtest(prices, {"BTC": 0.5, "ETH": 0.4}, Costs(fee_rate=0.003, gas=30))
for result in compare(study, ["hold", "calendar_30", "abs_band_0.05_edge"]):
    print(result)
"""

from router.backtest.costs import Costs, FeeConvention, Impact, PoolCosts
from router.backtest.default import DefaultPolicy
from router.backtest.forecast import ForecastPolicy
from router.backtest.policies import Observation, Policy, policy_of
from router.backtest.price_files import load_prices
from router.backtest.prices import Prices
from router.backtest.repairs import Repairs
from router.backtest.result import Result, Trade
from router.backtest.run import Engine, compare, run
from router.backtest.study import Backtest

__all__ = [
    "Backtest",
    "Costs",
    "DefaultPolicy",
    "Engine",
    "FeeConvention",
    "ForecastPolicy",
    "Impact",
    "Observation",
    "Policy",
    "PoolCosts",
    "Prices",
    "Repairs",
    "Result",
    "Trade",
    "compare",
    "load_prices",
    "policy_of",
    "run",
]
