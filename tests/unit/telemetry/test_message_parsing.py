"""What holds for every decoder of a foreign format."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidInput, MalformedRequest, TooLarge
from app.telemetry.domain import RejectCode
from app.telemetry.formats import flespi, osmand, owntracks, traccar
from tests.factories.messages import (
    FLESPI,
    MAX_ROWS,
    OSMAND,
    OWNTRACKS,
    TRACCAR,
    Decoder,
    Json,
    arrival,
    bodies,
    must_account_for_everything,
    only_row,
)

FORMATS: Final[dict[str, tuple[Decoder, Json]]] = {
    "traccar": (traccar.decode, TRACCAR | {"event": {"type": "alarm", "attributes": {"alarm": "sos"}}}),
    "osmand": (osmand.decode, OSMAND),
    "owntracks": (owntracks.decode, OWNTRACKS),
    "flespi": (flespi.decode, FLESPI),
}
BATCHES: Final = [traccar.decode, flespi.decode]
every_decoder = pytest.mark.parametrize("decode", [decode for decode, _ in FORMATS.values()], ids=list(FORMATS))


@pytest.mark.parametrize(
    "body", [b"{", b"[{}", b'{"a": NaN}', b"\xff{}", b'{"a":"\xff"}', b"[" * 100_000, b'{"a":' * 50_000, b"{} {}"]
)
@every_decoder
def test_what_is_no_json_is_refused_whole(decode: Decoder, body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(arrival(body), MAX_ROWS)


@pytest.mark.parametrize("decode", [traccar.decode, flespi.decode, osmand.decode])
def test_an_empty_body_is_no_json(decode: Decoder) -> None:
    with pytest.raises(MalformedRequest):
        decode(arrival(b""), MAX_ROWS)


@pytest.mark.parametrize("body", [b"[]", b"3", b"null", b'"x"'])
@every_decoder
def test_json_of_another_shape_is_refused_whole(decode: Decoder, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(arrival(body), MAX_ROWS)


@pytest.mark.parametrize("decode", [osmand.decode, owntracks.decode])
def test_formats_of_one_message_a_request_take_no_array(decode: Decoder) -> None:
    with pytest.raises(InvalidInput):
        decode(arrival([{}]), MAX_ROWS)


@pytest.mark.parametrize("decode", BATCHES)
def test_too_many_rows_are_refused_even_when_bad(decode: Decoder) -> None:
    with pytest.raises(TooLarge):
        decode(arrival([{}] * (MAX_ROWS + 1)), MAX_ROWS)


@pytest.mark.parametrize(("decode", "good"), [FORMATS["traccar"], FORMATS["flespi"]])
def test_a_bad_row_costs_its_neighbours_nothing(decode: Decoder, good: Json) -> None:
    body = arrival([good, {}, 3, {"x": 1}, good]).body.replace(b'"x": 1', b'"x": 1e999')
    decoded = decode(arrival(body), MAX_ROWS)
    assert decoded.index == [0, 4]
    assert [(r.index, r.code) for r in decoded.rejections] == [
        (1, RejectCode.MISSING_FIELD),
        (2, RejectCode.MALFORMED),
        (3, RejectCode.MALFORMED),
    ]


@pytest.mark.parametrize(("decode", "good"), FORMATS.values(), ids=list(FORMATS))
def test_extra_over_its_size_is_left_out_whole_and_its_fix_is_kept(decode: Decoder, good: Json) -> None:
    large = dict.fromkeys(("raw", "event"), "7e" * 1100)
    spot = {"traccar": "position", "osmand": "location"}
    for name, inner in spot.items():
        if inner in good:
            assert only_row(decode(arrival(good | {inner: good[inner] | large}), MAX_ROWS)).extra is None, name
            return
    assert only_row(decode(arrival(good | large), MAX_ROWS)).extra is None


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_every_row_is_either_read_or_rejected_whatever_is_sent(data: st.DataObject) -> None:
    decode, good = FORMATS[data.draw(st.sampled_from(sorted(FORMATS)))]
    must_account_for_everything(decode, arrival(data.draw(bodies(good))))
