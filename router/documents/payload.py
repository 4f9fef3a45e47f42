"""A payload taken apart, `rebalance-payload/1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.disassembler import describe
from router.documents.fields import Count, FileModel, HexText
from router.documents.plan_file import bounds_of
from router.documents.plan_models import BoundsEntry
from router.encoder import encode
from router.program import Program
from router.tokens import Address, Token


class PayloadFile(FileModel):
    """What a payload enforces and does; `steps` are sentences, in order."""

    schema_: Annotated[Literal["rebalance-payload/1"], Field(alias="schema")] = "rebalance-payload/1"
    payload: HexText
    size: Annotated[Count, Field(description="bytes")]
    bounds: BoundsEntry
    steps: tuple[str, ...]


def payload_to_json(program: Program, tokens: dict[Address, Token] | None = None) -> PayloadFile:
    """The file form of a program."""
    payload = encode(program)
    return PayloadFile.of(
        payload="0x" + payload.hex(),
        size=len(payload),
        bounds=bounds_of(program),
        steps=describe(program, tokens).steps,
    )
