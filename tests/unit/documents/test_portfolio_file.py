"""Portfolio files: exact weights and amounts, tokens by symbol or address, and errors that name the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.documents import load_portfolio, load_portfolio_file
from router.documents.located import validate
from router.documents.portfolio_file import PortfolioFile
from router.documents.portfolio_models import PortfolioModel
from router.errors import InputError
from router.fixed_point import WAD
from router.portfolio import LoanPolicy, Settlement
from router.snapshot import Snapshot
from router.tokens import Token, to_checksum

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
