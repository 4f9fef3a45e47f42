"""The flags that name recorded prices."""

from __future__ import annotations

import click

from router.cli.settings import FILE

_option = click.option

PRICE_FLAGS = (
    _option("--prices", type=FILE, required=True, help="CSV or Parquet file, one row per time."),
    _option(
        "--columns",
        help="Price columns, as BTC_close,... or WETH=ETH_close,..., where the assets are to be called as a "
        "portfolio file calls them; default: all numbers.",
    ),
    _option("--time-column", help="Default: the first that is called as times are."),
    _option("--from", "start", metavar="TIME", help="First row, such as 2021-01-01."),
    _option("--to", "end", metavar="TIME", help="Last row, a day without a time to its end."),
    _option("--repair", is_flag=True, help="Repair faults of the prices and count them, not refuse them."),
    _option("--keep-jumps", is_flag=True, help="Large changes from one row to the next are real."),
)
