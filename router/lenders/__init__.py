"""Flash-loan sources. One file per lender; `registry` lists them."""
