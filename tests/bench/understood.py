"""How much of a dub is understood, measured from outside.

    python -m tests.bench.understood [--profile NAME ...] [--streams N ...] [--seconds N] [--from es]
        [--out FILE]

A programme (tests/data/programme.toml: news, sport, interview) is spoken, published, dubbed into Spanish,
recorded as a viewer would hear it, and written down by Whisper base, which no part of the pipeline is;
`--from es` turns that round, and there Whisper base is a part: it translates, so nothing is recognised.
What was lost on the way is told for each stage: the recogniser's word error, the translation's chrF on what
was recognised and on the programme's own text, and how much of the voice is misheard.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
from numpy.typing import NDArray

from app.cache import cache_dir
from app.demo.publish import ingest_address, publish
from app.demo.sample import SOUND_RATE, load_voice
from app.settings import load
from app.settings.fields import Profile
from app.speech.engines.apertium import Apertium
from app.speech.models import places
from app.speech.models.table import BASE
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE
from tests.bench.understanding import chrf, content_heard, misheard
from tests.bench.word_error import word_error_rate
from tests.stack import Stack, wait_for

Sound = NDArray[np.float32]
TEXTS = Path(__file__).parents[1] / "data" / "programme.toml"
INTO = {"en": "es", "es": "en"}
# Silence in front, in which the dub appears and is found by its reader; and at the end, for the delay.
LEAD, TAIL = 15.0, 12.0
BETWEEN_LINES, BETWEEN_SECTIONS = 0.45, 1.5


@dataclass(frozen=True)
class Programme:
    """What is said in which language, its translation, and how long it takes in seconds."""

    language: str
    said: str
    translation: str
    video: Path
    seconds: float

    @property
    def into(self) -> str:
        """The language that it is dubbed into."""
        return INTO[self.language]


@dataclass(frozen=True)
class Result:
    """What was understood of one dub. Shares are 0 to 1, chrF 0 to 100; None: no source text."""

    profile: str
    streams: int
    content: float
    chrf: float
    source_error: float | None
    translated_chrf: float
    voice_misheard: float
    in_time: float
    phrases: int
    engines: str


def texts() -> list[tuple[str, list[tuple[str, str]]]]:
    """The sections of the programme: a name, and pairs of English and Spanish."""
    sections = tomllib.loads(TEXTS.read_text(encoding="utf-8"))["section"]
    return [(section["name"], [(en, es) for en, es in section["lines"]]) for section in sections]


def spoken(lines: list[list[str]], language: str) -> Iterator[Sound]:
    """The sound of the lines at SOUND_RATE, a longer pause after each section."""
    speak = load_voice(language)
    yield np.zeros(int(LEAD * SOUND_RATE), np.float32)
    for section in lines:
        for line in section:
            yield speak(line)
            yield np.zeros(int(BETWEEN_LINES * SOUND_RATE), np.float32)
        yield np.zeros(int(BETWEEN_SECTIONS * SOUND_RATE), np.float32)
    yield np.zeros(int(TAIL * SOUND_RATE), np.float32)


def programme(seconds: float, language: str) -> Programme:
    """The programme in that language as a video; of each section the lines that fit into so many seconds."""
    sections = texts()
    share = max(1, round(seconds / len(sections) / 4.5))  # a line takes about 4.5 s
    chosen = [lines[:share] for _, lines in sections]
    english = [[en for en, _ in lines] for lines in chosen]
    spanish = [[es for _, es in lines] for lines in chosen]
    said, translation = (english, spanish) if language == "en" else (spanish, english)
    sound = np.concatenate(list(spoken(said, language)))
    video = cache_dir("bench", f"programme-{language}-{share}.mp4")
    video.parent.mkdir(parents=True, exist_ok=True)
    length = len(sound) / SOUND_RATE
    subprocess.run(
        [
            *("ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25"),
            *("-f", "s16le", "-ar", str(SOUND_RATE), "-ac", "1", "-i", "pipe:0", "-t", f"{length:.3f}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-bf", "0"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-ac", "2", str(video)),
        ],
        input=to_pcm(sound),
        check=True,
    )
    return Programme(
        language,
        " ".join(itertools.chain(*said)),
        " ".join(itertools.chain(*translation)),
        video,
        length,
    )


def listener() -> Any:
    """Whisper base, from the packages that carry it."""
    from faster_whisper import WhisperModel

    folder = places.ready(BASE, cache_dir("bench", "models"))
    if folder is None:
        raise SystemExit(
            "understood: Whisper base is missing; `make setup` installs the packages that carry it"
        )
    return WhisperModel(str(folder), device="cpu", compute_type="int8")


def written_down(model: Any, recording: Path, language: str) -> str:
    """What Whisper hears in the recording."""
    found, _ = model.transcribe(sound_of(recording), language=language, beam_size=5, vad_filter=True)
    return " ".join(segment.text.strip() for segment in found)


def sound_of(recording: Path) -> Sound:
    """The recording's sound at RECOGNISER_RATE, mono."""
    resampler = av.AudioResampler("flt", "mono", RECOGNISER_RATE)
    with av.open(str(recording)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


def dubbed(
    folder: Path, shown: Programme, profile: str, streams: int
) -> tuple[Path, list[dict[str, Any]], str]:
    """The recording of the first of `streams` dubs, the records of its phrases, and its engines."""
    recording = folder / "dub.mkv"
    extra = {"DUB_PROFILE": profile, "SOURCE_LANGUAGE": shown.language, "TARGET_LANGUAGES": shown.into}
    with (
        Stack(folder / "stack", extra=extra) as stack,
        ExitStack() as held,
    ):
        senders = [
            publish(ingest_address(stack.settings, f"programme{number}"), shown.video, lambda _: None, 1)
            for number in range(streams)
        ]
        for sender in senders:
            held.callback(sender.stop)
        reader = stack.read(
            f"dub/programme0/{shown.into}", lambda _: None, wait=LEAD, record=recording, look=False
        )
        # The silence at the end is longer than any delay: what was said has been heard by then.
        wait_for("the end of the programme", lambda: not senders[0].running, shown.seconds + 60, 0.5)
        reader.stop()
        log = stack.http.get(f"/streams/programme0/{shown.into}/phrases.jsonl").raise_for_status().text
        health = stack.http.get(f"http://127.0.0.1:{stack.settings.sts_port}/health").json()
    engines = " + ".join(engine["name"] for engine in health["engines"].values())
    return recording, [json.loads(line) for line in log.splitlines()], engines


def measure(shown: Programme, profile: str, streams: int, model: Any, keep: Path | None = None) -> Result:
    """Dubs the programme and tells how much of it is understood."""
    with tempfile.TemporaryDirectory() as folder:
        recording, phrases, engines = dubbed(Path(folder), shown, profile, streams)
        heard = written_down(model, recording, shown.into)
        if keep is not None:
            kept = keep / f"{profile}-{streams}"
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(recording, kept)
            (kept / "heard.txt").write_text(heard, encoding="utf-8")
            records = "".join(json.dumps(phrase, ensure_ascii=False) + "\n" for phrase in phrases)
            (kept / "phrases.jsonl").write_text(records, encoding="utf-8")
    worded = [phrase for phrase in phrases if phrase["outcome"] != "wordless"]
    source = " ".join(phrase["source"] for phrase in worded)
    target = " ".join(phrase["target"] for phrase in worded)
    return Result(
        profile=profile,
        streams=streams,
        content=content_heard(shown.translation, heard, shown.into),
        chrf=chrf(shown.translation, heard),
        source_error=word_error_rate(shown.said, source) if source.strip() else None,
        translated_chrf=chrf(shown.translation, target),
        voice_misheard=misheard(target, heard),
        in_time=sum(phrase["outcome"] == "in_time" for phrase in worded) / max(1, len(worded)),
        phrases=len(worded),
        engines=engines,
    )


def translation_alone(shown: Programme) -> float:
    """chrF of the embedded translator on the programme's own text: what no recogniser can pass."""
    engine = Apertium()
    engine.load()
    try:
        return chrf(shown.translation, engine.translate(shown.said, shown.language, shown.into))
    finally:
        engine.close()


def row(result: Result) -> str:
    """A row of the table."""
    source_error = "–" if result.source_error is None else f"{result.source_error:.1%}"
    return (
        f"| {result.profile} | {result.streams} | {result.content:.2f} | {result.chrf:.0f} | "
        f"{source_error} | {result.translated_chrf:.0f} | {result.voice_misheard:.0%} | "
        f"{result.in_time:.0%} of {result.phrases} | {result.engines} |"
    )


def plot(results: Sequence[Result], to: Path) -> None:
    """How much is understood, and where the rest was lost, as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "understood"
    from matplotlib import pyplot

    names = [f"{each.profile}, {each.streams}" for each in results]
    parts = {
        "content words heard": [100 * each.content for each in results],
        "chrF of what was heard": [each.chrf for each in results],
        "chrF of the translated text": [each.translated_chrf for each in results],
        "phrases in time": [100 * each.in_time for each in results],
    }
    figure, axes = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    width = 0.8 / len(parts)
    for number, (label, values) in enumerate(parts.items()):
        places = [index + (number - (len(parts) - 1) / 2) * width for index in range(len(values))]
        axes.bar_label(axes.bar(places, values, width, label=label), fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("profile, streams at once")
    axes.set_ylim(0, 115)
    axes.legend(loc="upper center", ncols=4, fontsize="small")
    figure.savefig(to, metadata={"Date": None})
    pyplot.close(figure)


HEAD = (
    "| profile | streams | content words heard | chrF | word error of the source "
    "| chrF of the translated text | voice misheard | in time | engines |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Prints a table, and writes it to a file where one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", nargs="*", default=list(get_args(Profile)), choices=get_args(Profile))
    parser.add_argument("--streams", nargs="*", type=int, default=[1])
    parser.add_argument("--seconds", type=float, default=200.0, help="about how long the programme is")
    parser.add_argument("--from", dest="language", default="en", choices=INTO, help="what is spoken")
    parser.add_argument("--out", type=Path, help="file that the table is written to, a plot beside it")
    parser.add_argument("--keep", type=Path, help="folder for the recordings and the records of the phrases")
    arguments = parser.parse_args()
    load()
    model = listener()
    shown = programme(arguments.seconds, arguments.language)
    print(f"programme: {len(shown.said.split())} words, {shown.seconds:.0f} s", file=sys.stderr)
    lines = [
        f"The embedded translator on the programme's own text: chrF {translation_alone(shown):.0f}.",
        "",
        HEAD,
    ]
    print("\n".join(lines), flush=True)
    results = []
    for streams, profile in itertools.product(arguments.streams, arguments.profile):
        results.append(measure(shown, profile, streams, model, arguments.keep))
        lines.append(row(results[-1]))
        print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        plot(results, arguments.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
