"""Why: where a place is comes as GeoJSON, WKT or hexadecimal WKB, and two sources that mean the same shape must come out as the same bytes. Here a column
of such texts becomes canonical GeoJSON, or says per row what is wrong; nothing is mended. Vectorised by shapely. Anyone may call it.

Canonical (docs/decisions/0010): RFC 7946 text, two dimensions, doubles in their shortest form, rings counter-clockwise outside and clockwise inside, parts
and first points in one order. A line keeps its direction: a one-way street has one.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
_LINES = (1, 2, 5)  # shapely's type ids of what has a direction: LineString, LinearRing, MultiLineString
_COLLECTION = 7
_SRID = r"^SRID=(?P<srid>[0-9]{1,6});\s*"
_WORD = r"^(?:SRID=[0-9]{1,6};\s*)?[A-Za-z]+\s*[A-Z(]"
_CRS = re.compile(r'"crs"\s*:\s*(?P<crs>\{[^{}]*(?:\{[^{}]*\}[^{}]*)?\}|null)')
_CODES = re.compile(r"(?:EPSG:(?:[0-9.]*:)?|CRS)(?P<code>[0-9]+)")
_CRS84 = "84"  # urn:ogc:def:crs:OGC:1.3:CRS84, GeoJSON's own name for WGS 84
_FEATURE = r'"type"\s*:\s*"Feature'  # would lose its properties in silence
_HEX = r"^(?:[0-9A-Fa-f]{2})+$"


@dataclass(frozen=True)
class Shapes:
    """A column of geometries as read. canonical: GeoJSON text, null where missing or faulty; faults: what is wrong, by kind, one flag a row.

    geometry: cannot be read; geometry_shape: empty, a collection of kinds, with heights, not finite or crossing itself; geometry_crs: says that it is in
    other coordinates; geometry_range: outside ±180° of longitude, ±90° of latitude.
    """

    canonical: Any
    faults: dict[str, Flags]


def read_shapes(texts: Any, crs: str) -> Shapes:
    """Read an Arrow array of texts: GeoJSON geometries, WKT (also with `SRID=…;` before it), or WKB in hexadecimal (also PostGIS's EWKB).

    crs: the coordinate system that the attribute declares, `EPSG:4490` or `EPSG:4326`; a text that names none is taken to be in it.
    """
    plain = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    bare = pc.utf8_trim_whitespace(plain.cast(pa.string()))
    is_there = np.asarray(bare.is_valid().to_numpy(zero_copy_only=False))
    geometries, srids = _parsed(bare)
    is_read = ~shapely.is_missing(geometries)
    is_shape = is_read & _is_sound(geometries)
    is_ours = _is_in(srids, crs) & _says(bare, crs)
    is_near = _is_near(geometries)
    faults = {
        "geometry": is_there & ~is_read,
        "geometry_shape": is_read & ~is_shape,
        "geometry_crs": is_read & ~is_ours,
        "geometry_range": is_shape & ~is_near,
    }
    return Shapes(_canonical(geometries, is_shape & is_ours & is_near), faults)


def canonical_of(value: Any, crs: str) -> str | None:
    """Return one geometry, in any of the forms that are read, as canonical GeoJSON; None when it is none or faulty."""
    found: str | None = read_shapes(pa.array([str(value)], pa.string()), crs).canonical[0].as_py()
    return found


def _parsed(texts: Any) -> tuple[Any, NDArray[np.int32]]:
    """Return shapely geometries (None where unreadable or missing) and the number of the coordinate system each names, 0 where it names none."""
    geometries = np.full(len(texts), None, object)
    is_json = _flags(pc.starts_with(texts, "{")) & ~_flags(pc.match_substring_regex(texts, _FEATURE))
    is_hex = _flags(pc.match_substring_regex(texts, _HEX))
    is_wkt = _flags(pc.match_substring_regex(texts, _WORD))
    wkt = pc.replace_substring_regex(texts, _SRID, "")
    for wanted, read, column in (
        (is_json, shapely.from_geojson, texts),
        (is_hex, shapely.from_wkb, texts),
        (is_wkt, shapely.from_wkt, wkt),
    ):
        if wanted.any():
            chosen = column.filter(pa.array(wanted)).to_numpy(zero_copy_only=False)
            with np.errstate(over="ignore"):  # 1e400 is read as infinite and found so
                geometries[wanted] = read(chosen, on_invalid="ignore")
    srids = np.maximum(shapely.get_srid(geometries), 0)
    named = pc.struct_field(pc.extract_regex(texts, _SRID), "srid").cast(pa.int32())
    return geometries, np.where(is_wkt, np.asarray(named.fill_null(0)), srids).astype(np.int32)


def _is_sound(geometries: Any) -> Flags:
    kind = shapely.get_type_id(geometries)
    flat = ~shapely.has_z(geometries) & ~shapely.has_m(geometries)
    sound: Flags = flat & (kind != _COLLECTION) & ~shapely.is_empty(geometries) & shapely.is_valid(geometries)
    return sound


def _is_near(geometries: Any) -> Flags:
    bounds = shapely.bounds(geometries)  # without a number where there is no geometry: compares as far
    near: Flags = (np.abs(bounds[:, [0, 2]]) <= 180).all(axis=1) & (np.abs(bounds[:, [1, 3]]) <= 90).all(axis=1)
    return near


def _is_in(srids: NDArray[np.int32], crs: str) -> Flags:
    fits: Flags = (srids == 0) | (srids == int(crs.removeprefix("EPSG:")))
    return fits


def _says(texts: Any, crs: str) -> Flags:
    """Return where a GeoJSON text with a `crs` member (its form of 2008) names the declared system."""
    said: Flags = np.ones(len(texts), np.bool_)
    for place in np.flatnonzero(_flags(pc.match_substring(texts, '"crs"'))):
        found = _CRS.search(texts[int(place)].as_py())
        codes = {match["code"] for match in _CODES.finditer(found["crs"])} if found else set()
        allowed = {crs.removeprefix("EPSG:")} | ({_CRS84} if crs == "EPSG:4326" else set())
        said[place] = found is None or found["crs"] == "null" or (bool(codes) and codes <= allowed)
    return said


def _canonical(geometries: Any, good: Flags) -> Any:
    chosen = np.where(good, geometries, None)
    has_direction = np.isin(shapely.get_type_id(chosen), _LINES)
    ordered = np.where(has_direction, chosen, shapely.normalize(chosen))
    written = shapely.to_geojson(shapely.orient_polygons(ordered, exterior_cw=False))
    return pa.array(np.where(good, written, None), pa.string())


def _flags(answer: Any) -> Flags:
    return np.asarray(pc.fill_null(answer, False).to_numpy(zero_copy_only=False))
