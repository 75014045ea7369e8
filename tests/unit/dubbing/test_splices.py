"""Splices: read from their sections, placed by pictures, told to players, and breaks left as they are."""

from __future__ import annotations

import pytest

from app.dubbing.join.cues import Cues
from app.dubbing.service.playlists import splice_lines
from app.dubbing.showing import Segment, line_of, segment_of
from app.dubbing.signals import scte35
from app.dubbing.signals.breaks import Breaks
from app.dubbing.signals.clock import RATE, ROUND, ClockMark, StreamClock, between
from app.dubbing.signals.kept import Metadata, Recent, Splice
from app.dubbing.signals.scte35 import Cue
from tests.transport import id3, segmentation, splice_insert, time_signal

# SCTE 35 2023, 14.1 to 14.4: sections that the standard itself gives.
OPPORTUNITY = (
    "FC303400 00000000 00FFFFF0 0506FE72 BD005000 1E021C43 55454948 00008E7F CF0001A5 99B00808 "
    "00000000 2CA0A18A 3402009A C9D17E"
)
INSERT = (
    "FC302F00 00000000 00FFFFF0 14054800 008F7FEF FE7369C0 2EFE0052 CCF50000 0000000A 00084355 "
    "45490000 013562DB A30A"
)


def test_the_standards_own_sections_are_understood() -> None:
    [cue] = scte35.cues(bytes.fromhex(OPPORTUNITY))
    assert cue == Cue(0x4800008E, "out", 0x072BD0050, pytest.approx(307.0, abs=0.001))  # type: ignore[arg-type]
    [cue] = scte35.cues(bytes.fromhex(INSERT))
    assert cue == Cue(0x4800008F, "out", 0x07369C02E, pytest.approx(60.293567, abs=1e-5))  # type: ignore[arg-type]


def test_times_are_adjusted_and_go_round() -> None:
    late = splice_insert(7, ROUND - 10 + 100, out=True, adjusted=200)
    [cue] = scte35.cues(late)
    assert cue.ticks == 90
    assert between(ROUND - 90, 90) == pytest.approx(180 / RATE)


def test_segments_begin_and_end_breaks() -> None:
    section = time_signal(900, segmentation(1, 0x30, 30.0) + segmentation(2, 0x11))
    assert scte35.cues(section) == [Cue(1, "out", 900, 30.0), Cue(2, "other", 900)]
    assert scte35.cues(time_signal(900, segmentation(1, 0x31))) == [Cue(1, "in", 900)]


def test_a_splice_at_once_has_no_time() -> None:
    assert scte35.cues(splice_insert(7, None, out=True)) == [Cue(7, "out", None)]


@pytest.mark.parametrize("cut", [0, 3, 12, 20, 30])
def test_what_is_no_section_is_refused(cut: int) -> None:
    whole = splice_insert(7, 900, out=True, seconds=4.0)
    with pytest.raises(scte35.NotASplice):
        scte35.cues(whole[:cut])
    with pytest.raises(scte35.NotASplice):
        scte35.cues(whole[:cut] + bytes([whole[cut] ^ 1]) + whole[cut + 1 :])


def test_a_moment_is_placed_by_pictures_whatever_the_clock_here() -> None:
    clock = StreamClock()
    clock.mark(ClockMark(ROUND - 90_000, b"first", 100.0))
    assert clock.place(0) is None
    clock.picture(b"other", 5.0, 100.1)
    clock.picture(b"first", 7.0, 100.2)
    assert clock.place(0) == pytest.approx(8.0)


def test_a_still_picture_does_not_move_the_clock_but_another_clock_does() -> None:
    clock = StreamClock()
    for second in range(3):
        clock.picture(b"still", float(second), 100.0 + second)
        clock.mark(ClockMark(second * RATE, b"still", 100.0 + second))
    assert clock.place(0) == pytest.approx(0.0)
    clock.mark(ClockMark(9 * RATE, b"still", 102.1))
    assert clock.place(0) == pytest.approx(0.0)
    for second in range(20, 24):
        clock.picture(b"%d" % second, second + 5.0, 100.0 + second)
        clock.mark(ClockMark(second * RATE, b"%d" % second, 100.0 + second))
    assert clock.place(0) == pytest.approx(5.0)


def splice(event: int, kind: scte35.Kind, at: float, seconds: float | None = None) -> Splice:
    return Splice(Cue(event, kind, None, seconds), round(at * RATE), bytes([0xFC, event]))


def test_a_moment_stays_where_its_own_pictures_were_when_later_ones_come_with_other_times() -> None:
    clock = StreamClock()
    for second in range(8):
        stepped = 0.122 if second >= 4 else 0.0
        clock.mark(ClockMark(second * RATE, b"%d" % second, 100.0 + second))
        clock.picture(b"%d" % second, second + stepped, 100.5 + second)
    assert clock.place(round(2.2 * RATE)) == pytest.approx(2.2)
    assert clock.place(round(5.2 * RATE)) == pytest.approx(5.322)
    # The stream begins anew: moments have the same numbers as before.
    for second in range(3):
        clock.mark(ClockMark(second * RATE, b"again %d" % second, 110.0 + second))
        clock.picture(b"again %d" % second, 10.0 + second, 110.5 + second)
    assert clock.place(2 * RATE) == pytest.approx(12.0)
    assert clock.place(5 * RATE) == pytest.approx(15.0)


def at_zero() -> StreamClock:
    clock = StreamClock()
    clock.picture(b"first", 0.0, 100.0)
    clock.mark(ClockMark(0, b"first", 100.0))
    return clock


def test_a_break_ends_as_it_is_told_or_as_it_was_planned() -> None:
    breaks = Breaks()
    breaks.add(splice(1, "out", 10.0, 30.0))
    assert [each.seconds for each in breaks.all] == [30.0]
    breaks.add(splice(1, "in", 25.0))
    assert [each.seconds for each in breaks.all] == [15.0]
    breaks.add(splice(2, "out", 50.0))
    breaks.add(splice(9, "in", 70.0))
    assert [each.seconds for each in breaks.all] == [15.0, 20.0]


def test_a_break_stands_in_each_of_its_segments_and_its_end_names_it() -> None:
    cues = Cues(at_zero())
    cues.take(splice(1, "out", 3.0, 30.0))
    assert cues.splices(1000.0, 0.0, 2.0) == ()
    [out] = cues.splices(1002.0, 2.0, 4.0)
    assert (out.kind, out.date, out.seconds) == ("out", 1003.0, 30.0)
    assert cues.splices(1004.1, 4.0, 6.0) == (out,)
    cues.take(splice(1, "in", 7.5))
    first, back = cues.splices(1006.0, 6.0, 8.0)
    assert first == out
    assert (back.id, back.date, back.kind, back.seconds) == (out.id, 1003.0, "in", 4.5)
    assert cues.splices(1008.0, 8.0, 10.0) == ()


def test_an_end_that_comes_when_it_was_planned_or_later_still_names_its_break() -> None:
    cues = Cues(at_zero())
    cues.take(splice(1, "out", 1.0, 3.0))
    [out] = cues.splices(1000.0, 0.0, 4.0)
    cues.take(splice(1, "in", 4.001))
    *_, back = cues.splices(1004.0, 4.0, 8.0)
    assert (back.id, back.seconds) == (out.id, 3.001)
    cues.take(splice(1, "in", 9.0))
    [alone] = cues.splices(1008.0, 8.0, 12.0)
    assert alone.id != out.id


def test_a_tag_is_in_its_own_segment() -> None:
    cues = Cues(at_zero())
    cues.take(Metadata(3 * RATE, id3("hello")))
    assert cues.tags(0.0, 2.0) == []
    assert cues.tags(2.0, 4.0) == [(3.0, id3("hello"))]
    assert cues.tags(4.0, 6.0) == []


def test_a_break_is_told_as_playlists_have_it() -> None:
    cues = Cues(at_zero())
    cues.take(splice(0x4A, "out", 3.0, 30.0))
    segment = Segment(
        1, 2.0, 2.0, 2.0, False, 0, 2, None, 0, 0, 0, "", (), (), (), cues.splices(2.0, 2.0, 4.0)
    )
    assert splice_lines(segment) == [
        '#EXT-X-DATERANGE:ID="splice-0000004A-3",START-DATE="1970-01-01T00:00:03.000Z",'
        "PLANNED-DURATION=30.000,SCTE35-OUT=0xFC4A"
    ]
    assert segment_of(line_of(segment)) == segment


def test_an_index_without_splices_reads_as_it_always_did() -> None:
    segment = Segment(1, 2.0, 2.0, 2.0, False, 0, 2, None, 0, 0, 0, "", (), (), ())
    assert b"splices" not in line_of(segment)
    assert segment_of(line_of(segment)) == segment


def test_who_begins_later_is_told_of_breaks_and_not_of_old_tags() -> None:
    recent = Recent()
    for signal in (ClockMark(0, b"first", 1.0), Metadata(0, b"ID3"), splice(1, "out", 10.0)):
        recent.add(signal)
    assert [type(each) for each in recent] == [ClockMark, Splice]
