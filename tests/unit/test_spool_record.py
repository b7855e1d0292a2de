"""Records of the spool: what was written comes back, and nothing else ever does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingress.spool.record import HEADER, Damage, Record, decode, encode

RECORDS = [Record([b'{"v":1,"n":1}'], 1, 1767225600.25), Record([b"{}", b"{}"], 7, 2.0), Record([b"x" * 50], 2, 3.0)]
WRITTEN = [encode(record) for record in RECORDS]
SEGMENT = b"".join(WRITTEN)
STARTS = [0, len(WRITTEN[0]), len(WRITTEN[0]) + len(WRITTEN[1])]

frames = st.lists(st.binary(max_size=40).map(lambda body: body.hex().encode()), min_size=1, max_size=4)
records = st.builds(Record, frames, st.integers(0, 2**32 - 1), st.floats(0, 1e11))


def whole(content: bytes) -> list[Record]:
    return [part for part in decode(content) if isinstance(part, Record)]


def damaged(content: bytes) -> list[Damage]:
    return [part for part in decode(content) if isinstance(part, Damage)]


@given(st.lists(records, max_size=5))
def test_what_was_written_comes_back_in_order(written: list[Record]) -> None:
    assert list(decode(b"".join(encode(record) for record in written))) == written


def test_a_segment_that_is_cut_anywhere_keeps_its_whole_records_and_is_torn() -> None:
    for length in range(len(SEGMENT)):
        found = list(decode(SEGMENT[:length]))
        complete = sum(start + len(record) <= length for start, record in zip(STARTS, WRITTEN, strict=True))
        assert found[:complete] == RECORDS[:complete]
        rest = found[complete:]
        assert [type(part) for part in rest] == ([] if length in (0, *STARTS) else [Damage])
        assert all(isinstance(part, Damage) and part.torn and part.end == length for part in rest)


def test_a_tail_that_the_disk_never_wrote_is_torn() -> None:
    """After a power cut a file may have grown by blocks of zeros."""
    for zeros in (1, HEADER, 4096):
        assert whole(SEGMENT + bytes(zeros)) == RECORDS
        assert [part.torn for part in damaged(SEGMENT + bytes(zeros))] == [True]


def test_a_byte_that_was_changed_anywhere_costs_its_own_record_alone() -> None:
    for at in range(len(SEGMENT)):
        hurt = SEGMENT[:at] + bytes([SEGMENT[at] ^ 0x41]) + SEGMENT[at + 1 :]
        own = max(number for number, start in enumerate(STARTS) if start <= at)
        assert whole(hurt) == [record for number, record in enumerate(RECORDS) if number != own]
        (damage,) = damaged(hurt)
        assert not damage.torn
        assert (damage.start, damage.end) == (STARTS[own], STARTS[own] + len(WRITTEN[own]))


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_anything_at_all_between_records_is_never_a_record(before: bytes, after: bytes) -> None:
    assert whole(before + WRITTEN[0] + after) == RECORDS[:1]
    parts = list(decode(before + WRITTEN[0] + after))
    assert all(isinstance(part, Record) or part.start < part.end for part in parts)


def test_a_damaged_length_does_not_swallow_what_follows() -> None:
    huge = WRITTEN[0][:4] + b"\xff\xff\xff\xff" + WRITTEN[0][8:]
    assert whole(huge + WRITTEN[1] + WRITTEN[2]) == RECORDS[1:]
