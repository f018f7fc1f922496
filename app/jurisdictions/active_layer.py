"""The active boundary layer in memory: the locator, and the counties and territories behind its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from app.core.geo.geodesy import BoolArray, FloatArray
from app.jurisdictions.court_naming import PROVINCES
from app.jurisdictions.domain import BorderInfo, CountyInfo, LayerInfo, TerritoryInfo
from app.jurisdictions.errors import BoundariesChanged
from app.jurisdictions.locator.grid import IntArray
from app.jurisdictions.locator.locator import NEAR_BORDER_M, Locator
from app.jurisdictions.locator.raster import OUTSIDE


@dataclass(frozen=True, slots=True)
class ActiveLayer:
    """The active layer; each process holds it in memory."""

    info: LayerInfo
    locator: Locator  # finds the county of a point, as an index into `county_adcode` and `territory_id`
    county_adcode: IntArray  # six digits of each county, shape `(n,)`
    territory_id: IntArray  # the court territory of each county, -1 where there is none, shape `(n,)`
    territories: Mapping[int, TerritoryInfo]  # court territories by id; includes those of earlier layers
    counties: Mapping[int, CountyInfo]  # counties by code; includes those of earlier layers

    @property
    def layer_id(self) -> int:
        """The id that is stored with everything located by this layer."""
        return self.info.layer_id

    def territory(self, territory_id: int) -> TerritoryInfo:
        """Return a territory of this or an earlier layer; ``BoundariesChanged`` for one of a newer layer."""
        found = self.territories.get(territory_id)
        if found is None:
            raise BoundariesChanged("The boundaries have just changed.", retry_after_s=2)
        return found

    def county(self, adcode: int) -> CountyInfo:
        """Return a county of this or an earlier layer; ``BoundariesChanged`` for one of a newer layer."""
        found = self.counties.get(adcode)
        if found is None:
            raise BoundariesChanged("The boundaries have just changed.", retry_after_s=2)
        return found

    def inside(self, lon: FloatArray, lat: FloatArray) -> BoolArray:
        """Return for WGS-84 points whether the GCJ-02 offset applies: true in every county of the mainland.

        False at sea, and in Hong Kong, Macau and Taiwan, where map providers differ and no mainland court has a
        territory.
        """
        number = self.locator.locate(lon, lat)
        mainland: BoolArray = (number != OUTSIDE) & _is_mainland(self.county_adcode)[number]
        return mainland

    def near_border(self, lon: ArrayLike, lat: ArrayLike, within_m: float = NEAR_BORDER_M) -> Sequence[BorderInfo]:
        """Return for each point whether another county is near, and which.

        Points are WGS-84 degrees, shape ``(n,)``; ``within_m`` is in metres, at most about 1,000.
        """
        lons, lats = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        found = self.locator.near_border(lons, lats, within_m=within_m)
        return [
            self._border(float(metres), int(number))
            for metres, number in zip(found.distance_m, found.neighbour, strict=True)
        ]

    def _border(self, distance_m: float, number: int) -> BorderInfo:
        if number == OUTSIDE:
            return BorderInfo(None, near=False, other_county=None, other_territory=None, other_court=None)
        territory = self.territories.get(int(self.territory_id[number]))
        return BorderInfo(
            distance_m,
            near=True,
            other_county=self.counties[int(self.county_adcode[number])],
            other_territory=territory,
            other_court=territory.basic.name if territory and territory.basic else None,
        )


def _is_mainland(county_adcode: IntArray) -> BoolArray:
    elsewhere = [int(code) // 10_000 for code, province in PROVINCES.items() if province.abbreviation is None]
    mainland: BoolArray = ~np.isin(county_adcode // 10_000, elsewhere)
    return mainland
