"""Plan, simulate, send and verify on a local chain with the real protocols: python examples/local_chain.py"""

import tempfile
from contextlib import closing
from pathlib import Path

from router import (
    KeySigner,
    SendOptions,
    connect,
    format_amount,
    load_deployment,
    load_portfolio_file,
    make_plan,
    read_market,
    read_portfolio,
    send_plan,
    simulate_plan,
    start_localnet,
)

with start_localnet() as net, tempfile.TemporaryDirectory() as folder:
    home = Path(folder)
    net.write_deployment(home / "deployment.json")
    (home / "portfolio.toml").write_text(net.portfolio_toml())

    with closing(connect(net.rpc_url, load_deployment(home / "deployment.json"))) as chain:
        market = read_market(chain)
        portfolio = read_portfolio(chain, load_portfolio_file(home / "portfolio.toml"), market)
        plan = make_plan(market, portfolio, balances_are_holdings=True)
        print(f"{plan.verdict}: {plan.reason}, in {len(plan.swaps)} swaps")

        simulation = simulate_plan(chain, plan)
        simulated = simulation.require_success()

        # The local owner's key is public. Yours stays in a keystore: load_keystore(path, password).
        signer = KeySigner.from_key(bytes.fromhex(net.owner.private_key.removeprefix("0x")))
        sent = send_plan(chain, signer, plan, simulation, SendOptions(state_folder=home))

    assert sent.verified
    assert sent.outcome == simulated
    for token, change in sent.outcome.balance_changes.items():
        print(f"  {format_amount(change, market.tokens[token].decimals)} {market.tokens[token]}")
    print(f"gas {sent.execution.gas_used:,}, every amount as simulated")
