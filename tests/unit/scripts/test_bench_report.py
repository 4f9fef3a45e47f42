"""The figures that the benchmark page is made of."""

from __future__ import annotations

import pytest

from router.pools.uniswap_v2 import UniswapV2Pool
from scripts.bench.peers import Answer, walk
from scripts.bench.report import Section, ahead_bps, exponent, plain, prose, signed

A, B, C = (f"0x{place:040x}" for place in range(1, 4))


@pytest.mark.parametrize("power", [0.5, 1.0, 1.3])
def test_exponent_of_a_power_law_is_its_power(power: float) -> None:
    assert exponent([(pools, 3e-6 * pools**power) for pools in (50, 5_000, 50_000)]) == pytest.approx(power)


def test_ahead_bps_is_relative_to_the_peer() -> None:
    assert ahead_bps(101, 100) == pytest.approx(100)
    assert ahead_bps(101, None) is None
    assert ahead_bps(101, 0) is None


def test_missing_figures_are_empty_cells() -> None:
    assert (signed(None), plain(None)) == ("", "")
    assert (signed(1.234), plain(-1.0, 1)) == ("+1.23", "-1.0")


def test_answer_read_drops_the_cold_run() -> None:
    answer = Answer.read({"amount_out": "12", "seconds": [9.0, 1.0, 3.0]})
    assert (answer.amount_out, answer.seconds) == (12, 2.0)


def test_answer_read_keeps_a_lone_run_and_no_answer() -> None:
    answer = Answer.read({"amount_out": None, "seconds": [9.0]})
    assert (answer.amount_out, answer.seconds) == (None, 9.0)


def test_walk_trades_each_hop_on_the_pools_that_earlier_ones_left() -> None:
    first, second = (
        UniswapV2Pool(A, (A, B), (10**20, 10**20)),
        UniswapV2Pool(B, (B, C), (10**20, 10**20)),
    )
    states = {first.address: first, second.address: second}
    hops = [(A, A, B), (B, B, C)]
    alone, again = walk(states, hops, 10**18), walk(states, hops, 10**18)
    middle, after = first.swap(A, B, 10**18)
    assert alone == second.quote_exact_in(B, C, middle)
    assert again < alone
    assert states[A] == after.swap(A, B, 10**18)[1]


def test_section_markdown_has_title_note_rows_and_pictures() -> None:
    section = Section("Growth", prose("one\n    two"), ("a", "b"), [("1", "2")], plots=("x.svg",))
    lines = section.markdown().splitlines()
    assert lines[0] == "## Growth"
    assert "one two" in lines
    assert "| 1 | 2 |" in lines
    assert lines[-1] == "![Growth](benchmarks/x.svg)"
