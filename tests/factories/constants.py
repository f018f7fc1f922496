"""The tests' present moment, and places: longitude and latitude, degrees, WGS-84."""

from datetime import UTC, datetime
from typing import Final

NOW: Final = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""The present of every test, unless it moves the clock: noon in Shanghai."""
DAY: Final = 60 * 24
"""Minutes of a day."""

Place = tuple[float, float]

CHANGNING: Final[Place] = (121.4241, 31.2205)
PUDONG: Final[Place] = (121.5440, 31.2210)
JIADING: Final[Place] = (121.2655, 31.3756)
KUNSHAN: Final[Place] = (120.9814, 31.3855)
BEIJING: Final[Place] = (116.3974, 39.9093)
URUMQI: Final[Place] = (87.6, 43.8)
HONG_KONG: Final[Place] = (114.1694, 22.3193)
AT_SEA: Final[Place] = (123.5, 30.5)
