"""Tables as TOML text."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from router.documents.toml_tables import toml_table

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@given(st.dictionaries(TEXT, TEXT))
def test_any_table_reads_back(values: dict[str, str]) -> None:
    assert tomllib.loads(toml_table("a.b", values)) == {"a": {"b": values}}


def test_keys_are_bare_where_toml_lets_them() -> None:
    assert toml_table("targets", {"WETH": "0.4", "USD₮0": "0.6"}) == (
        '[targets]\nWETH = "0.4"\n"USD₮0" = "0.6"\n'
    )
