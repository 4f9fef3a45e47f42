"""Portfolio files: exact weights and amounts, tokens by symbol or address, and errors that name the field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.documents import load_portfolio, load_portfolio_file, load_snapshot
from router.documents.located import validate
from router.documents.portfolio_file import Overrides, PortfolioFile
from router.documents.portfolio_models import PortfolioModel
from router.errors import InputError
from router.fixed_point import WAD
from router.portfolio import (
    DEFAULT_MAX_ARBITRAGE_BPS,
    Landing,
    LoanPolicy,
    Settlement,
    TokenRule,
    Trade,
)
from router.snapshot import Snapshot
from router.tokens import Token, format_amount, to_checksum

EXAMPLES = Path(__file__).parents[3] / "examples"
OWNER = "0x" + "a" * 40
USDC, WETH, WBTC, FIRST, SECOND = ("0x" + digit * 40 for digit in "12345")
SNAPSHOT = Snapshot(
    chain_id=1,
    block_number=1,
    timestamp=1,
    native_token=WETH,
    numeraire=USDC,
    tokens={
        address: Token(1, address, symbol, decimals)
        for address, symbol, decimals in [
            (USDC, "USDC", 6),
            (WETH, "WETH", 18),
            (WBTC, "WBTC", 8),
            (FIRST, "TWIN", 18),
            (SECOND, "TWIN", 18),
        ]
    },
    pools=(),
    prices={USDC: "1", WETH: "2000"},
)

GOOD = f"""
schema = "rebalance-portfolio/1"
chain_id = 1
owner = "{OWNER}"
numeraire = "USDC"
tolerance_bps = 20
max_slippage_bps = 30
gas_price_gwei = 0.25
loan = "never"
settlement = "deliver-first"
allow_tokens = ["USDC", "WETH", "WBTC"]

[holdings]
USDC = "1000.5"
WETH = 2.000000000000000001

[targets]
USDC = 0.1
WETH = 0.2
WBTC = "0.7"

[prices]
WBTC = 60000.10

[trigger]
kind = "hybrid"
interval_days = 7
band_bps = 500
"""


def write(folder: Path, text: str, name: str = "portfolio.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_load_resolves_symbols_weights_and_amounts_exactly(tmp_path: Path) -> None:
    portfolio = load_portfolio(write(tmp_path, GOOD), SNAPSHOT)
    assert portfolio.owner == OWNER
    assert portfolio.holdings == {USDC: 1_000_500_000, WETH: 2 * WAD + 1}
    assert portfolio.targets_wad == {USDC: WAD // 10, WETH: WAD // 5, WBTC: 7 * WAD // 10}
    assert portfolio.prices == {WBTC: "60000.1"}
    assert portfolio.gas_price_wei == 250_000_000
    assert portfolio.loan is LoanPolicy.NEVER
    assert portfolio.settlement is Settlement.DELIVER_FIRST
    assert portfolio.allow_tokens == {USDC, WETH, WBTC}
    assert (portfolio.tolerance_bps, portfolio.max_slippage_bps) == (20, 30)


def test_json_and_toml_give_equal_portfolios(tmp_path: Path) -> None:
    value = {"owner": OWNER, "holdings": {"WETH": "1.5"}, "targets": {"WETH": 0.1, "USDC": 0.9}}
    toml = f'owner = "{OWNER}"\n[holdings]\nWETH = 1.5\n[targets]\nWETH = 0.1\nUSDC = 0.9\n'
    first = load_portfolio(write(tmp_path, json.dumps(value), "portfolio.json"), SNAPSHOT)
    assert first == load_portfolio(write(tmp_path, toml), SNAPSHOT)


def test_token_by_checksummed_address(tmp_path: Path) -> None:
    text = GOOD.replace('WBTC = "0.7"', f'"{to_checksum(WBTC)}" = "0.7"')
    assert WBTC in load_portfolio(write(tmp_path, text), SNAPSHOT).targets_wad


def test_missing_holdings_come_from_balances(tmp_path: Path) -> None:
    text = f'owner = "{OWNER}"\n[targets]\nWETH = 1\n'
    file = load_portfolio_file(write(tmp_path, text))
    assert file.needs_balances
    assert file.mentioned(SNAPSHOT) == (WETH,)
    assert file.resolve(SNAPSHOT, {USDC: 5, WETH: 0}).holdings == {USDC: 5}
    with pytest.raises(InputError, match="holdings: is missing, and there is no node"):
        file.resolve(SNAPSHOT)


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("WETH = 0.2", "WETH = 0.3", "targets", "weights sum to 1.1, not 1"),
        ("WETH = 0.2", "WETH = 0.1999999999999999999", "targets.WETH", "more than 18 decimals"),
        ("WETH = 0.2", "WETH = -0.2", "targets.WETH", "negative"),
        ("WETH = 0.2", "WETH = nan", "targets.WETH", "out of range"),
        ("WETH = 0.2", "WEHT = 0.2", "targets.WEHT", "did you mean 'WETH'"),
        ("WETH = 0.2", "TWIN = 0.2", "targets.TWIN", "ambiguous"),
        ("WETH = 0.2", f'"{WETH}" = 0.2\nWETH = 0', "targets.WETH", "same token"),
        ("WETH = 0.2", f'"0x{"6" * 40}" = 0.2', f"targets.0x{'6' * 40}", "not in the snapshot"),
        ('USDC = "1000.5"', 'USDC = "1000.1234567"', "holdings.USDC", "6 decimals"),
        ('USDC = "1000.5"', 'USDC = "0"', "holdings.USDC", "not more than zero"),
        ('USDC = "1000.5"', 'USDC = "-1"', "holdings.USDC", "not more than zero"),
        ('USDC = "1000.5"', 'USDC = "many"', "holdings.USDC", "not a number"),
        ("tolerance_bps = 20", "tolerance_bps = 0.05", "tolerance_bps", "0.05 % is 5"),
        ("max_slippage_bps = 30", "max_slippage_bps = 10001", "max_slippage_bps", "from 0 to 10000"),
        ("max_slippage_bps = 30", "max_slipage_bps = 30", "max_slipage_bps", "'max_slippage_bps'"),
        ('loan = "never"', 'loan = "nevr"', "loan", "'auto', 'always' or 'never'"),
        ("chain_id = 1", "chain_id = 10", "chain_id", "the snapshot is of chain 1"),
        ('numeraire = "USDC"', 'numeraire = "WETH"', "numeraire", "prices count in USDC"),
        ("gas_price_gwei = 0.25", "gas_price_gwei = -1", "gas_price_gwei", "negative"),
        ("WBTC = 60000.10", "WBTC = 0", "prices.WBTC", "more than zero"),
        ('kind = "hybrid"', 'kind = "calender"', "trigger.kind", "did you mean 'calendar'"),
        ("band_bps = 500", "band = 5", "trigger.band", "did you mean 'band_bps'"),
        ('"WBTC"]', '"WBTC", "NONE"]', "allow_tokens[3]", "no token with symbol"),
        ("[holdings]", 'deny_tokens = ["WETH"]\n[holdings]', "targets.WETH", "denied"),
    ],
)
def test_load_refuses_and_says_where(tmp_path: Path, old: str, new: str, path: str, message: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(InputError) as caught:
        load_portfolio(write(tmp_path, GOOD.replace(old, new)), SNAPSHOT)
    assert caught.value.path == f"portfolio.toml: {path}"
    assert message in str(caught.value)


def test_owner_with_a_wrong_checksum_is_refused_with_the_right_one(tmp_path: Path) -> None:
    good = to_checksum("0x" + "ab" * 20)
    with pytest.raises(InputError, match=f"owner: .*EIP-55.*did you mean '{good}'"):
        load_portfolio_file(write(tmp_path, GOOD.replace(OWNER, good.swapcase().replace("0X", "0x"))))


def test_toml_errors_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"portfolio\.toml: cannot be parsed: .*line 2"):
        load_portfolio_file(write(tmp_path, 'owner = "x"\nowner = "y"\n'))


@given(st.lists(st.integers(min_value=0, max_value=WAD), min_size=2, max_size=2))
def test_only_weights_that_sum_to_one_are_accepted(parts: list[int]) -> None:
    first, second = parts
    texts = {
        symbol: f"{wad // WAD}.{wad % WAD:018}"
        for symbol, wad in (("WETH", first), ("USDC", second), ("WBTC", max(0, WAD - first - second)))
    }
    model = validate(
        PortfolioModel, {"owner": OWNER, "holdings": {"WETH": "1"}, "targets": texts}, "portfolio.json"
    )
    if first + second <= WAD:
        assert sum(PortfolioFile("p", model).resolve(SNAPSHOT).targets_wad.values()) == WAD
    else:
        with pytest.raises(InputError, match="weights sum to"):
            PortfolioFile("p", model).resolve(SNAPSHOT)


LIMITED = GOOD.replace(
    "[holdings]\n",
    """landing = "band"
max_arbitrage_bps = 1.25
max_depth_bps = 2500
max_legs = 6

[rules.WETH]
trade = "sell"
tolerance_bps = 100
max_impact_bps = 30

[rules.DAI]
trade = "none"

[cash_flows]
USDC = "-1000000.5"
WBTC = 0.5

[holdings]
""",
)
DAI = "0x" + "6" * 40
WITH_DAI = replace(SNAPSHOT, tokens={**SNAPSHOT.tokens, DAI: Token(1, DAI, "DAI", 18)})


def test_rules_flows_and_limits_are_resolved(tmp_path: Path) -> None:
    portfolio = load_portfolio(write(tmp_path, LIMITED), WITH_DAI)
    assert portfolio.landing is Landing.BAND
    assert portfolio.rules == {WETH: TokenRule(Trade.SELL, 100, 30), DAI: TokenRule(Trade.NONE)}
    assert portfolio.cash_flows == {USDC: -1_000_000_500_000, WBTC: 50_000_000}
    assert (portfolio.max_arbitrage_bps, portfolio.max_depth_bps, portfolio.max_legs) == (1.25, 2500, 6)


def test_limits_that_are_left_out_have_the_portfolio_s_defaults(tmp_path: Path) -> None:
    portfolio = load_portfolio(write(tmp_path, GOOD), SNAPSHOT)
    assert (portfolio.landing, portfolio.rules, portfolio.cash_flows) == (Landing.TARGET, {}, {})
    assert (portfolio.max_depth_bps, portfolio.max_legs) == (None, None)
    assert portfolio.max_arbitrage_bps == DEFAULT_MAX_ARBITRAGE_BPS


def test_holdings_of_one_token_add_up(tmp_path: Path) -> None:
    text = GOOD.replace('USDC = "1000.5"', f'USDC = ["1000.5", 2]\n"{to_checksum(USDC)}" = "0.000001"')
    assert load_portfolio(write(tmp_path, text), SNAPSHOT).holdings[USDC] == 1_002_500_001


def test_flow_of_nothing_is_left_out(tmp_path: Path) -> None:
    text = LIMITED.replace("WBTC = 0.5", 'WBTC = "-0.0"')
    assert load_portfolio(write(tmp_path, text), WITH_DAI).cash_flows == {USDC: -1_000_000_500_000}


def test_nothing_need_be_held_where_something_is_paid_in(tmp_path: Path) -> None:
    text = f'owner = "{OWNER}"\n[holdings]\n[targets]\nWETH = 1\n[cash_flows]\nUSDC = 5\n'
    portfolio = load_portfolio(write(tmp_path, text), SNAPSHOT)
    assert (portfolio.holdings, portfolio.cash_flows) == ({}, {USDC: 5_000_000})
    with pytest.raises(InputError, match="holdings: is empty"):
        load_portfolio(write(tmp_path, text.replace("USDC = 5", "USDC = -5")), SNAPSHOT)


def test_flows_are_mentioned_and_rules_are_not(tmp_path: Path) -> None:
    text = f'owner = "{OWNER}"\n[targets]\nWETH = 1\n[cash_flows]\nUSDC = 5\n[rules.WBTC]\ntrade = "none"\n'
    assert load_portfolio_file(write(tmp_path, text)).mentioned(SNAPSHOT) == (WETH, USDC)


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ('landing = "band"', 'landing = "bands"', "landing", "'target', 'band' or 'nearest'"),
        ("landing =", "landng =", "landng", "did you mean 'landing'"),
        ("max_arbitrage_bps = 1.25", "max_arbitrage_bps = -1", "max_arbitrage_bps", "not be negative"),
        ("max_arbitrage_bps = 1.25", "max_arbitrage_bps = inf", "max_arbitrage_bps", "out of range"),
        ("max_arbitrage_bps = 1.25", "max_arbitrage_bps = true", "max_arbitrage_bps", "a number"),
        ("max_depth_bps = 2500", "max_depth_bps = 0", "max_depth_bps", "from 1 to 10000"),
        ("max_depth_bps = 2500", "max_depth_bps = 0.25", "max_depth_bps", "basis points"),
        ("max_depth_bps = 2500", "max_depth_bps = 10001", "max_depth_bps", "from 1 to 10000"),
        ("max_legs = 6", "max_legs = 0", "max_legs", "greater than or equal to 1"),
        ("max_legs = 6", 'max_legs = "6"', "max_legs", "valid integer"),
        ("[rules.WETH]", "[rules.WEHT]", "rules.WEHT", "did you mean 'WETH'"),
        ("[rules.WETH]", "[rules.TWIN]", "rules.TWIN", "ambiguous"),
        ("[rules.DAI]", f'[rules."{to_checksum(WETH)}"]', f"rules.{to_checksum(WETH)}", "same token as WETH"),
        ('trade = "sell"', 'trade = "sel"', "rules.WETH.trade", "'both', 'buy', 'sell' or 'none', is 'sel'"),
        ('trade = "sell"', 'trad = "sell"', "rules.WETH.trad", "did you mean 'trade'"),
        ("tolerance_bps = 100", "tolerance_bps = 1.5", "rules.WETH.tolerance_bps", "basis points"),
        ("max_impact_bps = 30", "max_impact_bps = -1", "rules.WETH.max_impact_bps", "from 0 to 10000"),
        ("WBTC = 0.5", "WTBC = 0.5", "cash_flows.WTBC", "did you mean 'WBTC'"),
        ("WBTC = 0.5", f'"{USDC}" = 0.5', f"cash_flows.{USDC}", "same token as USDC"),
        ("WBTC = 0.5", "WBTC = 0.000000001", "cash_flows.WBTC", "8 decimals"),
        ('USDC = "-1000000.5"', 'USDC = "-1000000.1234567"', "cash_flows.USDC", "6 decimals"),
        ('USDC = "-1000000.5"', 'USDC = "-inf"', "cash_flows.USDC", "out of range"),
        ('USDC = "-1000000.5"', 'USDC = ["1"]', "cash_flows.USDC", "should be a number"),
        ('USDC = "1000.5"', "USDC = []", "holdings.USDC", "is empty"),
        ('USDC = "1000.5"', 'USDC = ["1", "0"]', "holdings.USDC[1]", "not more than zero"),
        ('USDC = "1000.5"', 'USDC = ["1", "two"]', "holdings.USDC[1]", "not a number"),
        ('USDC = "1000.5"', 'USDC = ["1", "0.0000001"]', "holdings.USDC[1]", "6 decimals"),
    ],
)
def test_limits_are_refused_with_their_place(
    tmp_path: Path, old: str, new: str, path: str, message: str
) -> None:
    assert LIMITED.count(old) == 1
    with pytest.raises(InputError) as caught:
        load_portfolio(write(tmp_path, LIMITED.replace(old, new)), WITH_DAI)
    assert caught.value.path == f"portfolio.toml: {path}"
    assert message in str(caught.value)


def test_rule_for_a_token_that_the_snapshot_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rules\.DAI: no token with symbol 'DAI'"):
        load_portfolio(write(tmp_path, LIMITED), SNAPSHOT)


def test_json_form_of_a_portfolio_is_the_same_portfolio(tmp_path: Path) -> None:
    model = load_portfolio_file(write(tmp_path, LIMITED)).model
    (tmp_path / "again.json").write_text(json.dumps(model.to_json()))
    assert load_portfolio_file(tmp_path / "again.json").model == model


def test_overrides_replace_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    file = load_portfolio_file(write(tmp_path, LIMITED))
    before = file.resolve(WITH_DAI)
    given = Overrides(landing=Landing.NEAREST, max_arbitrage_bps=1e-7, max_legs=1, max_depth_bps=10_000)
    assert file.overridden(Overrides()).resolve(WITH_DAI) == before
    assert file.overridden(given).resolve(WITH_DAI) == replace(
        before, landing=Landing.NEAREST, max_arbitrage_bps=1e-7, max_legs=1, max_depth_bps=10_000
    )
    assert file.settled(Settlement.PULL_FIRST, None).resolve(WITH_DAI) == replace(
        before, settlement=Settlement.PULL_FIRST
    )


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        (Overrides(max_arbitrage_bps=float("nan")), "max_arbitrage_bps"),
        (Overrides(max_legs=0), "max_legs"),
        (Overrides(max_depth_bps=10_001), "max_depth_bps"),
    ],
)
def test_overrides_are_checked_like_the_file(tmp_path: Path, overrides: Overrides, path: str) -> None:
    with pytest.raises(InputError, match=f"overrides: {path}: "):
        load_portfolio_file(write(tmp_path, GOOD)).overridden(overrides)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_example_resolves_in_the_example_market(path: Path) -> None:
    portfolio = load_portfolio(path, load_snapshot(EXAMPLES / "market.json"))
    assert sum(portfolio.targets_wad.values()) == WAD
    assert portfolio.holdings


@given(
    amounts=st.lists(st.integers(min_value=1, max_value=10**30), min_size=1, max_size=4),
    flow=st.integers(min_value=-(10**30), max_value=10**30),
)
def test_amounts_are_exact_in_holdings_and_flows(amounts: list[int], flow: int) -> None:
    value = {
        "owner": OWNER,
        "holdings": {"WETH": [format_amount(raw, 18) for raw in amounts]},
        "targets": {"WETH": 1},
        "cash_flows": {"WETH": format_amount(flow, 18)},
    }
    portfolio = PortfolioFile("p", validate(PortfolioModel, value, "p")).resolve(SNAPSHOT)
    assert portfolio.holdings == {WETH: sum(amounts)}
    assert portfolio.cash_flows == ({WETH: flow} if flow else {})
