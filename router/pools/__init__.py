"""AMM arithmetic. One file per AMM; `registry` lists them."""
