"""Makes prices.csv: a year of daily prices of two tokens, drawn at random with a seed; they are nobody's."""

import random
from datetime import date, timedelta
from math import exp

DAYS = 365
DAILY_VOLATILITY = {"WETH": 0.04, "WBTC": 0.03}

draw = random.Random(9)
prices = {"WETH": 3000.0, "WBTC": 60000.0}
print("date", *prices, sep=",")
for day in range(DAYS):
    print(date(2025, 1, 1) + timedelta(day), *(f"{price:.2f}" for price in prices.values()), sep=",")
    common = draw.gauss()
    for token, size in DAILY_VOLATILITY.items():
        prices[token] *= exp(size * (0.8 * common + 0.6 * draw.gauss()))
