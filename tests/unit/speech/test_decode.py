"""What a file may make of itself when it is decoded. (SPK-6)"""

from __future__ import annotations

import io
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError
from app.speech.types import RECOGNISER_RATE

LONGEST = 60.0
MOST_GROWTH_MB = 150.0
"""What the decoder may need beyond what it had when it started."""
MEASURED = """
import io, json, pathlib, re, sys
from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError

def peak():
    # Not ru_maxrss, which begins with the peak of the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1e3

file = io.BytesIO(sys.stdin.buffer.read())
before, heard, code, status = peak(), 0, "", 200
try:
    for block in blocks(file, float(sys.argv[1])):
        heard += block.size
except ApiError as error:
    code, status = error.code, error.status
print(json.dumps({"heard": heard, "code": code, "status": status, "grown": peak() - before}))
"""


class Pipe(io.RawIOBase):
    """A file that can't be gone back in, so that its header can't tell its length."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, part: bytes) -> int:  # type: ignore[override]
        self.content += part
        return len(part)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def wav(rate: int, channels: int, samples: int) -> bytes:
    """Silence as int16 WAV, whatever its header says."""
    width = 2 * channels
    data = bytes(width * samples)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * width, width, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", len(data)) + data
    )  # fmt: skip


def encoded(
    container: str, codec: str, rate: int, parts: list[int], file: io.RawIOBase | None = None, **options: str
) -> bytes:
    """Silence in mono: frames of so many samples."""
    file = file or io.BytesIO()  # type: ignore[assignment]
    with av.open(file, "w", format=container) as out:
        stream = cast(AudioStream, out.add_stream(codec, rate=rate, layout="mono", options=options))
        for samples in parts:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), "s16", "mono")
            frame.sample_rate = rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return bytes(file.content) if isinstance(file, Pipe) else file.getvalue()  # type: ignore[union-attr]


def at_4_hz() -> bytes:
    """A FLAC file of a few kB with nine hours of silence at 4 Hz, in two frames."""
    return encoded("flac", "flac", 4, [2 * 65_535], frame_size="65535")


def with_picture(edge: int) -> bytes:
    """A second of sound beside a picture of a few kB that is `edge` by `edge` pixels."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as out:
        picture = out.add_stream("libx264", rate=1, options={"preset": "ultrafast", "tune": "zerolatency"})
        picture.width, picture.height, picture.pix_fmt = edge, edge, "yuv420p"
        audio = out.add_stream("aac", rate=16000, layout="mono")
        image = av.VideoFrame(edge, edge, "yuv420p")
        for plane in image.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(2):
            image.pts = number
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return file.getvalue()


def decoded(file: bytes, longest: float = LONGEST) -> dict[str, float | str]:
    """What comes of a file in a process of its own: samples, error, and by how much its memory grew (MB)."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(longest)],
        input=file,
        capture_output=True,
        check=True,
        timeout=120,
    )
    told: dict[str, float | str] = json.loads(done.stdout)
    return told


def refused(file: bytes) -> ApiError:
    with pytest.raises(ApiError) as raised:
        list(blocks(io.BytesIO(file), LONGEST))
    return raised.value


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (wav(4, 1, 40_000), "4 Hz; send 8000 to 192000 Hz"),
        (wav(7999, 1, 8000), "7999 Hz"),
        (wav(400_000, 1, 8000), "400000 Hz"),
        (wav(16_000, 200, 16_000), "200 channels; send 1 to 8"),
        (at_4_hz(), "4 Hz"),
    ],
)
def test_rates_and_channels_that_speech_never_has_are_refused_with_the_limits(file: bytes, told: str) -> None:
    error = refused(file)

    assert (error.status, error.code) == (415, "unsupported_sound")
    assert told in str(error)


@pytest.mark.parametrize("file", [at_4_hz(), wav(1, 200, 2000)], ids=["flac at 4 Hz", "200 channels at 1 Hz"])
def test_a_small_file_of_days_takes_no_memory(file: bytes) -> None:
    told = decoded(file, longest=14_400.0)

    assert told["status"] == 415
    assert told["heard"] == 0
    assert float(told["grown"]) < MOST_GROWTH_MB


def test_hours_of_silence_are_refused_for_what_the_file_says_before_any_is_decoded() -> None:
    told = decoded(encoded("flac", "flac", 8000, [8000] * 7200))

    assert (told["code"], told["heard"]) == ("audio_too_long", 0)


def test_hours_of_silence_that_tell_no_length_are_decoded_up_to_the_limit_alone() -> None:
    told = decoded(encoded("flac", "flac", 8000, [8000] * 7200, Pipe()))

    assert told["code"] == "audio_too_long"
    assert LONGEST - 2 < float(told["heard"]) / RECOGNISER_RATE <= LONGEST
    assert float(told["grown"]) < MOST_GROWTH_MB


def test_one_packet_of_a_whole_upload_is_refused() -> None:
    assert refused(encoded("matroska", "pcm_s16le", 192_000, [5_000_000])).status == 415


def test_a_picture_beside_the_sound_is_never_decoded() -> None:
    told = decoded(with_picture(8000))

    assert float(told["heard"]) >= RECOGNISER_RATE
    assert float(told["grown"]) < MOST_GROWTH_MB


def test_a_list_of_files_does_not_make_the_server_read_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.wav").write_bytes(wav(16_000, 1, 16_000))
    monkeypatch.chdir(tmp_path)

    for text in (
        "ffconcat version 1.0\nfile own.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nown.wav\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/own.wav\n#EXT-X-ENDLIST\n",
    ):
        assert refused(text.encode()).code == "unsupported_media_type"


def test_a_description_of_a_stream_opens_no_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )

    assert refused(sdp.encode()).code == "unsupported_media_type"


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("au", "pcm_s16be"),
        ("caf", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame"), ("adts", "aac"), ("mp4", "aac"),
        ("mov", "aac"), ("mpegts", "aac"), ("ogg", "libopus"), ("webm", "libopus"), ("matroska", "pcm_s16le"),
        ("avi", "pcm_s16le"), ("asf", "pcm_s16le"), ("flv", "aac"),
    ],
)  # fmt: skip
def test_what_people_send_is_read(container: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    file = encoded(container, codec, rate, [rate])
    heard = sum(block.size for block in blocks(io.BytesIO(file), LONGEST))

    assert heard == pytest.approx(RECOGNISER_RATE, rel=0.15)
