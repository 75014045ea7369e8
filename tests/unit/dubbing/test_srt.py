"""SRT over the system's libsrt, from this process to itself."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from app.dubbing import srt
from app.dubbing.srt_address import Address
from tests.stack import free_port

PHRASE = "a-phrase-for-tests"
WITHIN = 30.0


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def there(**kept: object) -> Address:
    return Address("127.0.0.1", free_port(socket.SOCK_DGRAM), **kept)  # type: ignore[arg-type]


def listening(address: Address, beside: ThreadPoolExecutor) -> Future[srt.Connection]:
    listener = Address("", address.port, address.streamid, address.passphrase, listen=True)
    return beside.submit(srt.connect, listener, WITHIN, WITHIN)


def both(address: Address, beside: ThreadPoolExecutor) -> tuple[srt.Connection, srt.Connection]:
    waiting = listening(address, beside)
    caller = srt.connect(address, WITHIN, WITHIN)
    return caller, waiting.result(WITHIN)


def test_mpeg_ts_goes_through_encrypted_to_who_has_the_stream_id(beside: ThreadPoolExecutor) -> None:
    caller, listener = both(there(streamid="#!::r=live/match,m=publish", passphrase=PHRASE), beside)

    def heard() -> int:
        with listener, av.open(listener, "r", format="mpegts") as source:
            return sum(packet.size > 0 for packet in source.demux())

    reading = beside.submit(heard)
    with caller, av.open(caller, "w", format="mpegts") as target:
        stream = target.add_stream("aac", rate=48000, layout="mono")
        tone = np.sin(np.arange(48000 * 4) / 20).astype(np.float32)
        for begin in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, begin : begin + 1024], "fltp", "mono")
            frame.rate, frame.pts = 48000, begin
            for packet in stream.encode(frame):
                target.mux(packet)
        # What is on its way when a connection closes may be lost.
        threading.Event().wait(1.0)
    assert reading.result(WITHIN) > 48000 * 3 // 1024


@pytest.mark.parametrize(("phrase", "why"), [("another-phrase", "another one"), ("", "the other has none")])
def test_a_wrong_passphrase_is_told_and_never_said(beside: ThreadPoolExecutor, phrase: str, why: str) -> None:
    address = there(passphrase=PHRASE)
    waiting = listening(address, beside)
    with pytest.raises(srt.Failed, match=why) as problem:
        srt.connect(Address(address.host, address.port, passphrase=phrase), WITHIN, WITHIN)
    assert problem.value.errno == errno.ECONNREFUSED
    assert not waiting.done()
    with srt.connect(address, WITHIN, WITHIN), waiting.result(WITHIN):
        pass


def test_who_has_another_stream_id_is_not_taken_for_the_one_who_is_waited_for(
    beside: ThreadPoolExecutor,
) -> None:
    address = there(streamid="match")
    waiting = listening(address, beside)
    with srt.connect(Address(address.host, address.port, "another"), WITHIN, WITHIN) as stranger:
        assert stranger.read(srt.PACKET) == b""
    assert not waiting.done()
    with srt.connect(address, WITHIN, WITHIN), waiting.result(WITHIN):
        pass


def test_nobody_there_is_told() -> None:
    with pytest.raises(srt.Failed, match="timed out"):
        srt.connect(there(), 0.3, WITHIN)
    with pytest.raises(srt.Failed, match="name is not found"):
        srt.connect(Address("nobody.invalid", 9000), 0.3, WITHIN)
    with pytest.raises(srt.Failed, match="nobody called"):
        srt.connect(there(listen=True), 0.3, WITHIN)


def test_silence_is_told_and_a_closed_connection_ends_who_waits(beside: ThreadPoolExecutor) -> None:
    address = there()
    waiting = beside.submit(srt.connect, Address("", address.port, listen=True), WITHIN, 0.2)
    caller = srt.connect(address, WITHIN, 60.0)
    listener = waiting.result(WITHIN)
    with pytest.raises(srt.Failed, match="nothing comes"):
        listener.read(srt.PACKET)
    reading = beside.submit(caller.read, srt.PACKET)
    caller.close()
    assert reading.result(WITHIN) == b""
    assert listener.read(srt.PACKET) == b""
    with pytest.raises(srt.Failed, match="takes nothing"):
        listener.write(bytes(srt.PACKET))
    listener.close()


def test_without_the_library_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(srt, "NAMES", (str(tmp_path / "libsrt.so"),))
    srt.library.cache_clear()
    try:
        with pytest.raises(srt.LibraryMissing, match=r"libsrt1\.5-gnutls"):
            srt.connect(there(), WITHIN, WITHIN)
    finally:
        srt.library.cache_clear()
