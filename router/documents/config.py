"""The operator's settings, `rebalance-config/1`: what the command line would otherwise be told every time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from router.documents.fields import Count, DecimalText, FileModel
from router.documents.files import read_document
from router.documents.located import validate


class Config(FileModel):
    """Defaults for the command line; flags and environment variables go before them.

    Paths are relative to the file. Secrets have no place here: the password comes from a prompt, a file that
    only its owner can read, or REBALANCE_PASSWORD.
    """

    schema_: Annotated[Literal["rebalance-config/1"], Field(alias="schema")] = "rebalance-config/1"
    rpc: Annotated[str | None, Field(description="URL of the node; $NAME is an environment variable")] = None
    deployment: Annotated[str | None, Field(description="name of a built-in deployment, or a file")] = None
    portfolio: str | None = None
    keystore: str | None = None
    max_fee_gwei: DecimalText = "100"
    max_simulation_age_blocks: Count = 5
    cache: str | None = None


def load_config(path: Path) -> Config:
    """Reads a `.toml` or `.json` config.

    Raises:
        InputError: names the field.
    """
    return validate(Config, read_document(path), path.name)
