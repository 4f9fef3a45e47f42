"""What tests of commands share."""

from __future__ import annotations

import pytest

from tests.unit.price_files import price_file


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(price_file(tmp_path_factory.mktemp("prices") / "prices.csv"))
