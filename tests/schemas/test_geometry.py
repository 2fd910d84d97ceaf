"""Whatever form a source writes a shape in, it comes out as the same bytes; what is no place on earth is told by what is wrong with it."""

import json

import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from schemas.geometry import canonical_of, read_shapes

CGCS2000 = "EPSG:4490"
SQUARE = '{"type":"Polygon","coordinates":[[[120.0,30.0],[121.0,30.0],[121.0,31.0],[120.0,31.0],[120.0,30.0]]]}'
# What stands in a library must be spelled alike by every version of the tools: a changed spelling would turn every record at the next merge.
SPELLINGS = {
    "POINT (116.40 39.9)": '{"type":"Point","coordinates":[116.4,39.9]}',
    "MULTIPOINT ((2 2), (1 1))": '{"type":"MultiPoint","coordinates":[[2.0,2.0],[1.0,1.0]]}',
    "LINESTRING (2 2, 1 1)": '{"type":"LineString","coordinates":[[2.0,2.0],[1.0,1.0]]}',
    "POLYGON ((121 31, 121 30, 120 30, 120 31, 121 31))": SQUARE,
    "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))": (
        '{"type":"Polygon","coordinates":[[[0.0,0.0],[4.0,0.0],[4.0,4.0],[0.0,4.0],[0.0,0.0]],[[1.0,1.0],[2.0,2.0],[2.0,1.0],[1.0,1.0]]]}'
    ),
    "POINT (0.1 1e-7)": '{"type":"Point","coordinates":[0.1,1e-07]}',
}
FAULTS = {
    "hello": "geometry",
    "": "geometry",
    "POINT (1": "geometry",
    "0101000000000000000000F03F": "geometry",
    '{"type":"Point"}': "geometry",
    '{"type":"Point","coordinates":[1e400,2]}': "geometry",
    '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"name":"x"}}': "geometry",
    "POINT EMPTY": "geometry_shape",
    "POINT (nan 1)": "geometry_shape",
    "POINT Z (1 2 3)": "geometry_shape",
    "POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))": "geometry_shape",
    "GEOMETRYCOLLECTION (POINT (1 2))": "geometry_shape",
    "SRID=4326;POINT (1 2)": "geometry_crs",
    "0101000020E6100000000000000000F03F0000000000000040": "geometry_crs",
    '{"type":"Point","coordinates":[1,2],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}}': "geometry_crs",
    "POINT (180.1 30)": "geometry_range",
    "POINT (500000 3300000)": "geometry_range",
    "LINESTRING (0 0, 0 90.5)": "geometry_range",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_shape_has_one_spelling(written: str) -> None:
    assert canonical_of(written, CGCS2000) == SPELLINGS[written]


@pytest.mark.parametrize("written", FAULTS)
def test_a_fault_is_told_by_its_kind_and_nothing_is_mended(written: str) -> None:
    found = read_shapes(pa.array([written]), CGCS2000)
    assert [kind for kind, rows in found.faults.items() if rows[0]] == [FAULTS[written]]
    assert found.canonical.to_pylist() == [None]


def test_a_missing_geometry_is_missing_and_not_wrong() -> None:
    found = read_shapes(pa.chunked_array([[None], [], ["POINT (1 2)"]], pa.string()), CGCS2000)
    assert found.canonical.to_pylist() == [None, '{"type":"Point","coordinates":[1.0,2.0]}']
    assert not any(rows.any() for rows in found.faults.values())


@pytest.mark.parametrize(
    ("crs", "written"),
    [
        ("EPSG:4490", "SRID=4490;POINT (1 2)"),
        (
            "EPSG:4490",
            '{"type":"Point","coordinates":[1,2],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4490"}}}',
        ),
        (
            "EPSG:4326",
            '{"type":"Point","coordinates":[1,2],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}}}',
        ),
        ("EPSG:4326", "0101000020E6100000000000000000F03F0000000000000040"),
    ],
)
def test_a_text_may_name_the_declared_coordinates(crs: str, written: str) -> None:
    assert canonical_of(written, crs) == '{"type":"Point","coordinates":[1.0,2.0]}'


degrees = st.tuples(
    st.floats(-180, 180, allow_nan=False).map(lambda x: round(x, 9) + 0.0),
    st.floats(-90, 90, allow_nan=False).map(lambda x: round(x, 9) + 0.0),
)
boxes = st.tuples(degrees, st.floats(0.001, 5), st.floats(0.001, 5)).filter(
    lambda box: box[0][0] + box[1] <= 180 and box[0][1] + box[2] <= 90 and box[0][0] + box[1] > box[0][0]
)
shapes = st.one_of(
    degrees.map(lambda at: shapely.Point(*at)),
    st.lists(degrees, min_size=2, max_size=6, unique=True).map(shapely.LineString),
    boxes.map(lambda box: shapely.box(*box[0], round(box[0][0] + box[1], 9), round(box[0][1] + box[2], 9))),
).filter(lambda shape: bool(shapely.is_valid(shape)))


@given(shapes)
def test_geojson_wkt_and_wkb_of_a_shape_are_one_and_stay_so(shape: shapely.Geometry) -> None:
    written = [
        shapely.to_geojson(shape),
        shapely.to_wkt(shape, rounding_precision=17),
        shapely.to_wkb(shape, hex=True, byte_order=1),
        shapely.to_wkb(shape, hex=True, byte_order=0),
        shapely.to_wkb(shapely.set_srid(shape, 4490), hex=True, include_srid=True),
    ]
    (once,) = set(read_shapes(pa.array(written), CGCS2000).canonical.to_pylist())
    assert canonical_of(once, CGCS2000) == once
    assert shapely.from_geojson(once).equals(shape)
    assert set(json.loads(once)) == {"type", "coordinates"}


@given(boxes, st.integers(0, 3), st.booleans())
def test_where_a_ring_begins_and_which_way_it_runs_does_not_matter(
    box: tuple[tuple[float, float], float, float], first: int, is_turned: bool
) -> None:
    plain = shapely.box(*box[0], box[0][0] + box[1], box[0][1] + box[2])
    corners = list(plain.exterior.coords)[:-1]
    corners = corners[first:] + corners[:first]
    other = shapely.Polygon(corners[::-1] if is_turned else corners)
    assert canonical_of(shapely.to_wkt(other, rounding_precision=17), CGCS2000) == canonical_of(
        shapely.to_wkt(plain, rounding_precision=17), CGCS2000
    )
