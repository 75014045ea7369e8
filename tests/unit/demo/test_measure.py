"""What is sent and what arrives become delay, skew and gaps."""

from __future__ import annotations

from app.demo.measure import SETTLING, Measurement

FRAME = 0.04


def run(measurement: Measurement, frames: int, delay: float) -> None:
    for number in range(frames):
        measurement.on_sent({"type": "sent", "frame": number, "at": number * FRAME})
        measurement.on_received(
            {"type": "frame", "number": number, "pts": number * FRAME, "at": number * FRAME + delay}
        )


def test_the_delay_is_from_sending_to_receiving() -> None:
    measurement = Measurement()
    run(measurement, 200, delay=2.8)
    figures = measurement.figures()
    assert round(figures.delay.p50, 6) == round(figures.delay.p99, 6) == 2.8
    assert abs(figures.delay_slope) < 1e-6
    assert figures.pictures == 200 - SETTLING / FRAME


def test_the_burst_at_the_start_does_not_count() -> None:
    measurement = Measurement()
    measurement.on_received({"type": "gap", "pts": 0.0, "seconds": 0.5})
    run(measurement, 50, delay=2.8)
    figures = measurement.figures()
    assert measurement.received
    assert (figures.pictures, figures.gaps) == (0, 0)


def test_skew_is_how_much_later_than_its_flash_a_beep_is() -> None:
    measurement = Measurement()
    run(measurement, 200, delay=2.8)
    for at, skew in ((10.0, 0.02), (13.0, 0.03), (16.0, 0.04)):
        measurement.on_received({"type": "flash", "pts": at})
        measurement.on_received({"type": "beep", "pts": at + skew, "amplitude": 0.1})
    measurement.on_received({"type": "flash", "pts": 20.0})
    found = measurement.figures().skew
    assert (found.count, round(found.p50, 6)) == (3, 0.03)


def test_gaps_and_stalls_are_counted_with_the_longest() -> None:
    measurement = Measurement()
    run(measurement, 200, delay=2.8)
    for seconds in (0.01, -0.03):
        measurement.on_received({"type": "gap", "pts": 9.0, "seconds": seconds})
    measurement.on_received({"type": "stall", "at": 9.0, "seconds": 0.4})
    figures = measurement.figures()
    assert (figures.gaps, figures.longest_gap, figures.longest_stall) == (2, 0.03, 0.4)


def test_a_problem_says_which_side_had_it() -> None:
    measurement = Measurement()
    measurement.on_sent({"type": "problem", "message": "Connection refused"})
    assert measurement.figures().problem == "publishing: Connection refused"
    measurement.on_received({"type": "problem", "message": "Not found"})
    assert measurement.figures().problem == "reading: Not found"
