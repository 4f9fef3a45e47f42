"""Files that users exchange: snapshots, portfolios, plans, deployments, and what the commands print as JSON.

Every loader raises InputError with the place in the file; every writer writes the whole file or nothing.
"""

from router.documents.deployment import Deployment, load_deployment, parse_deployment
from router.documents.files import canonical_json, read_document, write_bytes, write_json
from router.documents.plan_file import build_plan, load_plan, plan_to_json, save_plan
from router.documents.portfolio_file import PortfolioFile, load_portfolio, load_portfolio_file
from router.documents.schemas import export_schemas
from router.documents.snapshot_file import (
    LoadedSnapshot,
    build_snapshot,
    load_snapshot,
    load_snapshot_file,
    save_snapshot,
    snapshot_hash,
    snapshot_to_json,
)

__all__ = [
    "Deployment",
    "LoadedSnapshot",
    "PortfolioFile",
    "build_plan",
    "build_snapshot",
    "canonical_json",
    "export_schemas",
    "load_deployment",
    "load_plan",
    "load_portfolio",
    "load_portfolio_file",
    "load_snapshot",
    "load_snapshot_file",
    "parse_deployment",
    "plan_to_json",
    "read_document",
    "save_plan",
    "save_snapshot",
    "snapshot_hash",
    "snapshot_to_json",
    "write_bytes",
    "write_json",
]
