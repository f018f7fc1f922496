"""The application's context: settings, clock, database, metrics."""

from dataclasses import dataclass

from app.core.clock import Clock
from app.core.db.database import Database
from app.core.metrics import Metrics
from app.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """Shared objects of one running application; created once by ``app.main.create_app``."""

    settings: Settings
    clock: Clock
    database: Database
    metrics: Metrics
