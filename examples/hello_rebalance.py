"""Two files in, a plan out. No node, no network: python examples/hello_rebalance.py"""

from pathlib import Path

from router import decode, encode, format_amount, load_portfolio, load_snapshot, make_plan, replay_plan

HERE = Path(__file__).parent

market = load_snapshot(HERE / "market.json")
portfolio = load_portfolio(HERE / "portfolio.toml", market)
plan = make_plan(market, portfolio)

print(f"{plan.verdict}: {plan.reason}")
for swap in plan.swaps:
    sold, bought = market.tokens[swap.token_in], market.tokens[swap.token_out]
    paid = f"{format_amount(swap.amount_in, sold.decimals)} {sold}"
    received = f"{format_amount(swap.amount_out, bought.decimals)} {bought}"
    print(f"  {swap.kind}: {paid} -> {received}")
print(f"value {plan.value_before:,.2f} -> {plan.value_after:,.2f} {market.tokens[market.numeraire]}")

# The replay moves the pools in the contracts' own integer arithmetic.
changes = replay_plan(plan, market).balance_changes
for token in plan.holdings_after:
    assert plan.holdings_after[token] == plan.holdings_before.get(token, 0) + changes.get(token, 0)

payload = encode(plan.program)
assert decode(payload) == plan.program
print(f"{len(payload)} bytes for the executor: 0x{payload[:24].hex()}…")
