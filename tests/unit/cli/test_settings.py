"""Flags that go before the portfolio file's keys."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from router.cli.settings import override_options
from router.documents.portfolio_file import Overrides
from router.portfolio import Landing, LoanPolicy, Settlement

given: list[Overrides] = []


@click.command()
@override_options
@click.option("--prove", is_flag=True)
def command(overrides: Overrides, prove: bool) -> None:
    """Shows that other options reach the command too."""
    given.append(overrides)
    click.echo(f"prove {prove}")


def run(*arguments: str) -> tuple[int, str]:
    given.clear()
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output


def test_no_flag_overrides_nothing() -> None:
    assert run() == (0, "prove False\n")
    assert given.pop() == Overrides()


def test_every_flag_reaches_the_overrides() -> None:
    flags = "--landing band --max-arbitrage-bps 0.25 --max-legs 7 --max-depth-bps 2500 --loan never --prove"
    assert run(*flags.split(), "--settlement", "deliver-first") == (0, "prove True\n")
    assert given.pop() == Overrides(Settlement.DELIVER_FIRST, LoanPolicy.NEVER, Landing.BAND, 0.25, 7, 2500)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--landing", "edge"),
        ("--max-arbitrage-bps", "-1"),
        ("--max-arbitrage-bps", "much"),
        ("--max-legs", "0"),
        ("--max-legs", "1.5"),
        ("--max-depth-bps", "0"),
        ("--max-depth-bps", "10001"),
    ],
)
def test_bad_flag_is_named_with_exit_code_2(flag: str, value: str) -> None:
    code, output = run(flag, value)
    assert code == 2
    assert flag in output
    assert not given
