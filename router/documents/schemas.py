"""The JSON Schema of every file and of every `--json` output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.documents.backtest_models import BacktestFile
from router.documents.bands_models import BandsFile
from router.documents.config import Config
from router.documents.deployment import Deployment
from router.documents.fields import FileModel
from router.documents.forecast_models import ForecastFile
from router.documents.journal_models import JournalFile
from router.documents.outputs import (
    DoctorFile,
    ErrorFile,
    FilesFile,
    LocalnetFile,
    PoolsFile,
    ReceiptFile,
    SchemasFile,
    SimulationFile,
)
from router.documents.payload import PayloadFile
from router.documents.plan_models import PlanFile
from router.documents.portfolio_models import PortfolioModel
from router.documents.report import ReportFile
from router.documents.snapshot_models import SnapshotFile
from router.documents.status_models import StatusFile
from router.documents.stress_models import StressFile
from router.documents.targets_models import TargetsFile
from router.documents.verification import VerificationFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILE_MODELS: Mapping[str, type[FileModel]] = {
    "snapshot": SnapshotFile,
    "portfolio": PortfolioModel,
    "plan": PlanFile,
    "config": Config,
    "payload": PayloadFile,
    "deployment": Deployment,
    "simulation": SimulationFile,
    "receipt": ReceiptFile,
    "verification": VerificationFile,
    "status": StatusFile,
    "report": ReportFile,
    "error": ErrorFile,
    "pools": PoolsFile,
    "doctor": DoctorFile,
    "files": FilesFile,
    "schemas": SchemasFile,
    "localnet": LocalnetFile,
    "replay": JournalFile,
    "backtest": BacktestFile,
    "bands": BandsFile,
    "stress": StressFile,
    "forecast": ForecastFile,
    "targets": TargetsFile,
}


def export_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each, by name: what is accepted, which includes all that is written."""
    return {
        name: {"$schema": _DIALECT, **model.model_json_schema(by_alias=True)}
        for name, model in FILE_MODELS.items()
    }
