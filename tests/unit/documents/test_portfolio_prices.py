"""Portfolio files whose targets are a rule's and whose risks are a forecast's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from router.backtest import load_prices
from router.documents import export_schemas, load_portfolio, load_portfolio_file
from router.documents.portfolio_file import Overrides, PortfolioFile
from router.documents.targets_file import targets_file
from router.documents.targets_models import RuleModel
from router.errors import InputError
from router.fixed_point import WAD
from router.portfolio import Settlement
from router.snapshot import Snapshot
from router.strategy.target_rules import RULES
from router.strategy.trials import settings_of, try_models
from router.tokens import Token
from tests.unit.documents.test_portfolio_file import FIRST, OWNER, SNAPSHOT, USDC, WBTC, WETH
from tests.unit.price_files import price_file

ROWS = 420
LAST = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=ROWS - 1)
COLUMNS = '{ WETH = "ETH_close", WBTC = "BTC_close" }'
RULE = f"""
[target_rule]
rule = "inverse_volatility"
prices = "prices.csv"
columns = {COLUMNS}
cash_asset = "USDC"
cash_weight = 0.2
"""
FORECAST = f"""
[discipline]
risk_aversion = 2
[discipline.forecast]
prices = "prices.csv"
columns = {COLUMNS}
model = "ewma"
"""
FIXED = '[targets]\nWETH = "0.5"\nUSDC = "0.5"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a price file; portfolio files are written beside it."""
    folder = tmp_path_factory.mktemp("portfolio")
    price_file(folder / "prices.csv", ROWS)
    return folder


def market(at: datetime = LAST) -> Snapshot:
    dai = Token(1, FIRST, "DAI", 18)
    return replace(
        SNAPSHOT,
        timestamp=int(at.timestamp()),
        tokens={**SNAPSHOT.tokens, FIRST: dai},
        prices={USDC: "1", WETH: "2000", WBTC: "50000", FIRST: "1"},
    )


def portfolio_file(
    folder: Path, *tables: str, holdings: str = "WETH = 25\nWBTC = 0.5\nUSDC = 25000"
) -> PortfolioFile:
    path = folder / "portfolio.toml"
    path.write_text("\n".join([f'owner = "{OWNER}"', "[holdings]", holdings, *tables]))
    return load_portfolio_file(path)


def refused(folder: Path, *tables: str, discipline: bool = False, **more: str) -> InputError:
    def read() -> object:
        file = portfolio_file(folder, *tables, **more)
        return file.discipline(market()) if discipline else file.resolve(market())

    with pytest.raises(InputError) as caught:
        read()
    return caught.value


def test_targets_are_those_of_the_command_on_the_rows_of_the_file(folder: Path) -> None:
    portfolio = portfolio_file(folder, RULE).resolve(market())
    prices = load_prices(folder / "prices.csv", ("WETH=ETH_close", "WBTC=BTC_close"))
    rule = RuleModel.of(rule="inverse_volatility", cash_asset="USDC", cash_weight="0.2")
    texts = targets_file(rule, prices, "prices.csv").targets
    assert sum(portfolio.targets_wad.values()) == WAD
    assert portfolio.targets_wad == {
        token: int(float(texts[name]) * 10_000 + 0.5) * WAD // 10_000
        for name, token in {"WETH": WETH, "WBTC": WBTC, "USDC": USDC}.items()
    }
    assert portfolio.targets_wad[USDC] == WAD // 5


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("covariance", ["exponential", "forecast"])
def test_every_rule_makes_a_portfolio(folder: Path, rule: str, covariance: str) -> None:
    needs = {"market_cap": "capitals = { WETH = 4e11, WBTC = 2e12 }", "volatility_target": "volatility = 0.3"}
    table = RULE.replace("inverse_volatility", rule)
    file = portfolio_file(folder, table, f'covariance = "{covariance}"', needs.get(rule, ""), "cap = 0.6")
    targets = file.resolve(market()).targets_wad
    assert sum(targets.values()) == WAD
    assert max(targets[WETH], targets[WBTC]) <= 6 * WAD // 10
    assert targets[USDC] > 0


def test_notes_hold_weights_rows_last_time_and_digest(folder: Path) -> None:
    (note,) = portfolio_file(folder, RULE).resolve(market()).notes
    assert note.startswith("targets by inverse_volatility: WETH 0.")
    assert "USDC 0.2; shrunk covariance of 365 returns; prices.csv, 420 rows to 2024-02-24T00:00:00Z" in note
    assert "sha-256 " in note


def test_nothing_after_the_market_s_time_changes_targets_or_forecast(tmp_path: Path) -> None:
    """Rows that come later are drawn anew, and wilder."""
    now = market(LAST - timedelta(days=20))
    found = []
    for seed in (1, 2):
        first, other = (price_file(tmp_path / f"{each}.csv", ROWS, seed=each) for each in (1, seed))
        kept, later = first.read_text().splitlines()[: ROWS - 19], other.read_text().splitlines()[ROWS - 19 :]
        (tmp_path / "prices.csv").write_text("\n".join([*kept, *later]))
        file = portfolio_file(tmp_path, RULE, "keep_jumps = true", FORECAST, "keep_jumps = true")
        portfolio, discipline = file.resolve(now), file.discipline(now)
        assert discipline is not None
        found.append((portfolio.targets_wad, discipline.volatility, discipline.correlations))
    assert found[0] == found[1]


def test_a_column_that_ends_far_from_its_token_s_price_is_told(folder: Path) -> None:
    """The two columns exchanged; the market's prices are 2000 and 50000."""
    wrong = [each.replace("ETH_close", "x").replace("BTC_close", "ETH_close") for each in (RULE, FORECAST)]
    swapped = portfolio_file(folder, *(each.replace("x", "BTC_close") for each in wrong))
    right = portfolio_file(folder, RULE, FORECAST)
    for file, doubts in ((swapped, 2), (right, 0)):
        discipline = file.discipline(market())
        assert discipline is not None
        for note in (file.resolve(market()).notes[0], discipline.notes[0]):
            assert note.count("is the column another token's?") == doubts
    assert re.search(r"WETH ends at \d+(\.\d+)? and is worth 2000: is", swapped.resolve(market()).notes[0])


def test_a_step_counts_from_the_present_weights(folder: Path) -> None:
    """Half of the value is in WETH, and a quarter in either other token."""
    free = portfolio_file(folder, RULE).resolve(market()).targets_wad
    stepped = portfolio_file(folder, RULE, "max_step = 0.02").resolve(market()).targets_wad
    present = {WETH: 0.5, WBTC: 0.25, USDC: 0.25}
    assert free != stepped
    for token, weight in present.items():
        assert abs(stepped[token] / WAD - weight) <= 0.02 + 1e-12
    assert max(abs(stepped[token] / WAD - weight) for token, weight in present.items()) == pytest.approx(0.02)


def test_a_step_needs_all_that_is_held_and_a_rule_without_one_sells_the_rest(folder: Path) -> None:
    more = "WETH = 25\nDAI = 100"
    error = refused(folder, RULE, "max_step = 0.02", holdings=more)
    assert error.path == "portfolio.toml: target_rule.max_step"
    assert "has none of DAI" in error.message
    assert FIRST not in portfolio_file(folder, RULE, holdings=more).resolve(market()).targets_wad


def test_a_step_counts_from_no_weight_below_zero(folder: Path) -> None:
    error = refused(folder, RULE, 'max_step = 0.02\n[cash_flows]\nUSDC = "-30000"')
    assert error.path == "portfolio.toml: target_rule.max_step"
    assert error.message == "counts from weights, and of USDC more is to be left than there is"


def test_the_rule_s_tokens_are_mentioned_and_may_have_bands(folder: Path) -> None:
    trigger = '[trigger]\nkind = "threshold"\nmeasure = "absolute"\nband_bps = 100\nbands_bps = { WBTC = 50 }'
    file = portfolio_file(folder, RULE, trigger, holdings="USDC = 1")
    assert file.mentioned(market()) == (WETH, WBTC, USDC)
    assert file.triggers(market())


def test_overrides_keep_the_rule_and_where_its_prices_are(folder: Path) -> None:
    file = portfolio_file(folder, RULE, FORECAST)
    other = file.overridden(Overrides(settlement=Settlement.DELIVER_FIRST))
    assert other.resolve(market()).targets_wad == file.resolve(market()).targets_wad
    assert other.discipline(market()) == file.discipline(market())


def test_a_file_without_holdings_takes_its_present_weights_from_balances(folder: Path) -> None:
    path = folder / "portfolio.toml"
    path.write_text(f'owner = "{OWNER}"\n{RULE}\nmax_step = 0.01')
    found = load_portfolio(path, market(), {WETH: 10 * WAD, WBTC: 0, USDC: 20_000 * 10**6})
    present = {WETH: 50, WBTC: 0, USDC: 50}
    for token, percent in present.items():
        assert abs(found.targets_wad[token] - percent * WAD // 100) <= WAD // 100
    assert found.targets_wad[USDC] == 49 * WAD // 100


@pytest.mark.parametrize(
    ("tables", "path", "message", "nearest"),
    [
        ((RULE, FIXED), "target_rule", "is given beside targets", None),
        ((), "targets", "is missing", None),
        ((RULE, 'covarance = "sample"'), "target_rule.covarance", "unknown key", "covariance"),
        ((RULE.replace("inverse_v", "inverse-v"),), "target_rule.rule", "no rule", "inverse_volatility"),
        ((RULE, 'covariance = "shrunken"'), "target_rule.covariance", "no covariance", "shrunk"),
        ((RULE.replace("ETH_close", "ETH"),), "target_rule.columns.WETH", "no column 'ETH'", None),
        ((RULE.replace("{ WETH", "{ WETHH"),), "target_rule.columns.WETHH", "no token with symbol", "WETH"),
        ((RULE.replace('"USDC"', '"USDX"'),), "target_rule.cash_asset", "no token with symbol", "USDC"),
        ((RULE.replace('"USDC"', '"WETH"'),), "target_rule.cash_asset", "has prices", None),
        (
            (RULE.replace("WETH =", "DAI =").replace('"USDC"', '"WETH"'),),
            "target_rule.cash_asset",
            "worth 2000",
            None,
        ),
        ((RULE.replace('"USDC"', f'"{WETH}"'),), "target_rule.cash_asset", "same token as WETH", None),
        ((RULE.replace("prices.csv", "price.csv"),), "target_rule.prices", "no such file", None),
        ((RULE, "cap = nan"), "target_rule.cap", "out of range", None),
        ((RULE, "cap = { WETHH = 0.5 }"), "target_rule.cap", "no asset 'WETHH'", "WETH"),
        ((RULE, 'cap = { WETH = "half" }'), "target_rule.cap.WETH", "is not a number", None),
        ((RULE, "floor = 0.6"), "target_rule.floor", "sum to 1.2", None),
        ((RULE, "max_step = 0"), "target_rule.max_step", "more than zero", None),
        ((RULE, "window = 30"), "target_rule.window", "does nothing under inverse_volatility", None),
        ((RULE, "covariance_rows = 29"), "target_rule.covariance_rows", "equal to 30", None),
        ((RULE, "max_step = 10"), "target_rule.max_step", "at most 1, is 10", None),
        (
            (RULE.replace("inverse_volatility", "volatility_target"), "volatility = 30"),
            "target_rule.volatility",
            "at most 10, is 30: 0.3 is 30 % a year",
            None,
        ),
        ((RULE.replace(COLUMNS, "{}"),), "target_rule.columns", "at least 1", None),
        (("[rules.DAI]", 'trade = "none"', RULE, "cash_weight = 2"), "portfolio.toml", "parsed", None),
    ],
)
def test_a_bad_rule_is_refused_at_its_key(
    folder: Path, tables: tuple[str, ...], path: str, message: str, nearest: str | None
) -> None:
    error = refused(folder, *tables)
    assert error.path.removeprefix("portfolio.toml: ") == path
    assert message in error.message
    assert error.nearest == nearest


def test_old_prices_are_refused_by_name_for_targets_and_forecasts(folder: Path) -> None:
    late = market(LAST + timedelta(days=4))
    file = portfolio_file(folder, RULE, FORECAST)
    for table, call in (("target_rule", file.resolve), ("discipline.forecast", file.discipline)):
        with pytest.raises(InputError, match=r"4\.0 days before the market's time") as caught:
            call(late)
        assert type(caught.value).__name__ == "OutdatedPrices"
        assert caught.value.path == f"portfolio.toml: {table}.prices"
    with pytest.raises(InputError, match=r"9\.0 days"):
        file.resolve(market(), now=LAST + timedelta(days=9))


def test_a_denied_token_of_a_rule_is_refused_at_its_column(folder: Path) -> None:
    path = folder / "portfolio.toml"
    path.write_text(f'owner = "{OWNER}"\ndeny_tokens = ["WBTC"]\n[holdings]\nUSDC = 1\n{RULE}')
    with pytest.raises(InputError, match="denied") as caught:
        load_portfolio(path, market())
    assert caught.value.path == "portfolio.toml: target_rule.columns.WBTC"


def test_a_forecast_takes_the_place_of_volatilities_and_correlations(folder: Path) -> None:
    found = portfolio_file(folder, FIXED, FORECAST).discipline(market())
    assert found is not None
    prices = load_prices(folder / "prices.csv", ("WETH=ETH_close", "WBTC=BTC_close"))
    trials = try_models(prices.assets, prices.log_returns(), "ewma", settings_of(prices.interval_years))
    assert [found.volatility[token] for token in (WETH, WBTC)] == pytest.approx(trials.volatilities, abs=1e-4)
    assert found.correlations[frozenset((WETH, WBTC))] == pytest.approx(trials.correlations[0, 1], abs=1e-4)
    assert (found.risk_aversion, found.horizon_days) == (2, 30)
    source, *assets = found.notes
    assert source.startswith("forecast over 7 days by ewma: prices.csv, 420 rows to 2024-02-24")
    assert [note.split(":")[0] for note in assets] == ["forecast of WETH", "forecast of WBTC"]
    assert all("EWMA 0.97 o" in note and "QLIKE" in note for note in assets)


def test_a_token_without_prices_keeps_the_volatility_that_is_given(folder: Path) -> None:
    given = '[discipline.volatility]\nDAI = 0.01\n[discipline.correlations]\n"DAI/WETH" = 0.1'
    found = portfolio_file(folder, FIXED, FORECAST, given).discipline(market())
    assert found is not None
    assert found.volatility[FIRST] == 0.01
    assert found.correlations[frozenset((FIRST, WETH))] == 0.1
    assert np.linalg.eigvalsh(found.covariance([WETH, WBTC, FIRST]))[0] > 0


@pytest.mark.parametrize(
    ("tables", "path", "message", "nearest"),
    [
        (("[discipline]",), "discipline.volatility", "is missing", None),
        ((FORECAST, "horizon_day = 7"), "discipline.forecast.horizon_day", "unknown key", "horizon_days"),
        ((FORECAST.replace("ewma", "emwa"),), "discipline.forecast.model", "no model 'emwa'", "ewma"),
        (
            ("[discipline]", "[discipline.volatility]", "WETH = 60"),
            "discipline.volatility.WETH",
            "at most 10, is 60: 0.6 is 60 % a year",
            None,
        ),
        (
            (FORECAST, "[discipline.max_weight]", "WETH = 60"),
            "discipline.max_weight.WETH",
            "at most 1, is 60: 0.6 is 60 %",
            None,
        ),
        ((FORECAST, "horizon_days = 0.2"), "discipline.forecast.horizon_days", "should be from 1", None),
        (
            (FORECAST.replace("ETH_close", "ETH_clos"),),
            "discipline.forecast.columns.WETH",
            "no c",
            "ETH_close",
        ),
        (
            (FORECAST, "[discipline.volatility]", "WETH = 0.5"),
            "discipline.volatility.WETH",
            "is forecast; leave it out",
            None,
        ),
        (
            (FORECAST, "[discipline.correlations]", '"WBTC/WETH" = 0.5'),
            "discipline.correlations.WBTC/WETH",
            "is forecast; leave it out",
            None,
        ),
    ],
)
def test_a_bad_forecast_is_refused_at_its_key(
    folder: Path, tables: tuple[str, ...], path: str, message: str, nearest: str | None
) -> None:
    error = refused(folder, FIXED, *tables, discipline=True)
    assert error.path.removeprefix("portfolio.toml: ") == path
    assert message in error.message
    assert error.nearest == nearest


def test_too_few_rows_for_a_model_say_how_many_it_needs(tmp_path: Path) -> None:
    price_file(tmp_path / "prices.csv", 40)
    file = portfolio_file(tmp_path, FIXED, FORECAST)
    with pytest.raises(InputError, match="has 39 rows, 60 are needed") as caught:
        file.discipline(market(datetime(2023, 2, 9, tzinfo=UTC)))
    assert type(caught.value).__name__ == "InsufficientHistory"
    assert caught.value.path == "portfolio.toml: discipline.forecast.prices"


def test_the_schema_allows_either_kind_of_targets_and_not_both() -> None:
    schema = export_schemas()["portfolio"]
    rule = {"rule": "equal", "prices": "p.csv", "columns": {"WETH": "ETH"}, "cap": {"WETH": "0.5"}}
    jsonschema.validate({"owner": OWNER, "target_rule": rule}, schema)
    jsonschema.validate({"owner": OWNER, "targets": {"WETH": 1}}, schema)
    for wrong in ({"owner": OWNER}, {"owner": OWNER, "target_rule": rule, "targets": {"WETH": 1}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_json_and_toml_give_the_same_targets(folder: Path) -> None:
    rule = {
        "rule": "inverse_volatility",
        "prices": "prices.csv",
        "columns": {"WETH": "ETH_close", "WBTC": "BTC_close"},
        "cash_asset": "USDC",
        "cash_weight": "0.2",
    }
    path = folder / "portfolio.json"
    path.write_text(json.dumps({"owner": OWNER, "holdings": {"USDC": 1}, "target_rule": rule}))
    assert load_portfolio(path, market()).targets_wad == (
        portfolio_file(folder, RULE).resolve(market()).targets_wad
    )
