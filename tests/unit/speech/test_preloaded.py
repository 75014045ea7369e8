"""What preload fetched is found and loaded by its engine, with no network. (SPK-2, SPK-5)"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.settings import Settings, load
from app.speech import registry
from app.speech.engines.piper import carried
from app.speech.engines.whisper import Whisper
from app.speech.models.best import BEST, best
from app.speech.models.command import preload
from app.speech.models.names import VOICES, Model, find, used
from app.speech.types import RECOGNISER_RATE
from tests.unit.speech import tiny_models

VOICE = "en_GB-jo-medium"
VOICE_FOLDER = "en/en_GB/jo/medium"


class Shelves(ThreadingHTTPServer):
    """A hub whose repositories are folders; `asked` has the path of every request."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Desk(BaseHTTPRequestHandler):
    """One request to the hub."""

    server: Shelves

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0].removeprefix("/")
        if path.startswith("api/models/"):
            repository, _, below = path.removeprefix("api/models/").partition("/tree/main")
            shelf = self.server.folder / repository
            files = [each for each in sorted((shelf / below.strip("/")).rglob("*")) if each.is_file()]
            listed = [
                {"type": "file", "path": str(each.relative_to(shelf)), "oid": "", "size": each.stat().st_size}
                for each in files
            ]
            self._send(json.dumps(listed).encode())
        else:
            self._send((self.server.folder / path.replace("/resolve/main", "")).read_bytes())

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def shelves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelves]:
    """A running hub, which is the one that preload asks."""
    with Shelves(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def network_off(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """No connection can be opened and no name resolved; whoever tried is listed."""
    tried: list[object] = []

    def refuse(*asked: object) -> None:
        tried.append(asked[-1])
        raise OSError("the network is off")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def settings(folder: Path, **more: str) -> Settings:
    return load({"DATA_DIR": str(folder / "data"), "VOICES_DIR": str(folder / "voices"), **more})


def fetch(wanted: Settings) -> None:
    assert preload(wanted, [], everything=True, force=False) == 0


@pytest.fixture
def fetched_whisper(tmp_path: Path, shelves: Shelves) -> Settings:
    """Settings whose model lies there, fetched."""
    tiny_models.whisper(shelves.folder / "somebody/tiny")
    wanted = settings(tmp_path, ASR_ENGINE="whisper", ASR_MODEL="somebody/tiny", ASR_DEVICE="cpu")
    fetch(wanted)
    return wanted


def test_a_fetched_whisper_loads_and_hears_with_the_network_off(
    fetched_whisper: Settings, network_off: list[object]
) -> None:
    engine = registry.FACTORIES["asr"]["whisper"](fetched_whisper)
    engine.load()

    assert isinstance(engine, Whisper)
    engine.transcribe(np.full(RECOGNISER_RATE, 0.1, np.float32), "en", "")
    assert network_off == []


def test_what_is_there_is_not_asked_for_again(fetched_whisper: Settings, shelves: Shelves) -> None:
    shelves.asked.clear()
    fetch(fetched_whisper)

    assert shelves.asked == []


@pytest.fixture
def fetched_voice(tmp_path: Path, shelves: Shelves) -> Settings:
    """Settings whose voice lies there, fetched from among others."""
    model = carried()[0].model
    shelf = shelves.folder / VOICES / VOICE_FOLDER
    (shelf / "samples").mkdir(parents=True)
    (shelf / f"{VOICE}.onnx").symlink_to(model)
    (shelf / f"{VOICE}.onnx.json").symlink_to(f"{model}.json")
    (shelf / "samples/speaker_0.mp3").write_bytes(b"sound")
    (shelf / "MODEL_CARD").write_text("licence: public domain")
    (shelves.folder / VOICES / "README.md").write_text("many more voices")
    wanted = settings(tmp_path, TTS_ENGINE="piper", TTS_MODEL=VOICE)
    fetch(wanted)
    return wanted


def test_a_fetched_voice_is_the_first_of_its_language_and_speaks_with_the_network_off(
    fetched_voice: Settings, network_off: list[object]
) -> None:
    engine = registry.choose(fetched_voice).synthesiser
    engine.load()
    sound, rate = engine.speak("Good morning.", "en", VOICE)
    folder = fetched_voice.models_dir / VOICE

    assert engine.voices("en")[0] == VOICE
    assert 0.3 < sound.size / rate < 3.0
    assert network_off == []
    assert sorted(each.name for each in folder.iterdir() if not each.name.startswith(".")) == [
        "MODEL_CARD",
        f"{VOICE}.onnx",
        f"{VOICE}.onnx.json",
    ]


def test_a_voice_that_is_only_half_there_is_no_voice(fetched_voice: Settings) -> None:
    (fetched_voice.models_dir / VOICE / f"{VOICE}.onnx").write_bytes(b"half")

    assert VOICE not in registry.choose(fetched_voice).synthesiser.voices("en")


def test_the_name_of_a_voice_says_where_the_hub_has_it(tmp_path: Path) -> None:
    assert find("pt_PT-tugão-medium") == Model("pt_PT-tugão-medium", VOICES, "pt/pt_PT/tugão/medium")
    assert used(settings(tmp_path, TTS_MODEL=VOICE)) == [VOICE]
    assert used(settings(tmp_path, TTS_MODEL="en_US-joe-medium")) == []
    assert used(settings(tmp_path, TTS_MODEL="grandmother")) == []
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / f"{VOICE}.onnx").touch()
    assert used(settings(tmp_path, TTS_MODEL=VOICE)) == []


def test_a_model_that_somebody_put_there_counts_under_any_name(tmp_path: Path, shelves: Shelves) -> None:
    wanted = settings(tmp_path, MT_ENGINE="ctranslate2", MT_MODEL="opus-mt-en-es")
    assert preload(wanted, [], everything=True, force=False) == 2
    (wanted.models_dir / "opus-mt-en-es").mkdir(parents=True)
    (wanted.models_dir / "opus-mt-en-es/model.bin").write_bytes(b"weights")

    assert preload(wanted, [], everything=True, force=True) == 0
    assert preload(wanted, ["..", "."], everything=False, force=False) == 2
    assert shelves.asked == []


def recommended(shelves: Shelves, voice: str, *, translator: str) -> None:
    """Puts a recommended set on the shelves: of one layer each, and a voice that says what joe says."""
    tiny_models.whisper(shelves.folder / "Systran/faster-whisper-small")
    tiny_models.translator(shelves.folder / translator, nllb=False, sentencepiece=True)
    model = carried()[0].model
    place = find(voice)
    shelf = shelves.folder / VOICES / place.path
    shelf.mkdir(parents=True)
    (shelf / f"{voice}.onnx").symlink_to(model)
    told = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    told["language"] = {"code": voice.split("-")[0], "family": voice[:2]}
    (shelf / f"{voice}.onnx.json").write_text(json.dumps(told), encoding="utf-8")


def printed(told: str) -> dict[str, str]:
    """The settings in what a command printed."""
    return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)


def test_one_command_fetches_the_best_models_and_its_settings_dub_with_the_network_off(
    tmp_path: Path,
    shelves: Shelves,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    recommended(shelves, "es_ES-davefx-medium", translator="michaelfeil/ct2fast-opus-mt-en-es")
    assert best(settings(tmp_path), "en-es", lambda: True) == 0
    told = capsys.readouterr().out
    for part in (
        "small",
        "MIT",
        "ct2fast-opus-mt-en-es",
        "CC-BY-4.0",
        "es_ES-davefx-medium",
        "CC0-1.0",
        " MB",
    ):
        assert part in told.partition("fetched")[0]
    tried = request.getfixturevalue("network_off")
    engines = registry.choose(settings(tmp_path, ASR_DEVICE="cpu", **printed(told)))
    engines.load()
    engines.recogniser.session("en").feed(np.zeros(RECOGNISER_RATE, np.float32))
    engines.translator.translate("the rain", "en", "es")

    assert engines.translator.supports("en", "es")
    assert engines.synthesiser.voices("es") == ["es_ES-davefx-medium"]
    assert engines.synthesiser.speak("Buenos dias.", "es", "")[0].size > 0
    assert tried == []


def test_the_best_models_are_not_fetched_without_a_yes_and_not_twice(
    tmp_path: Path, shelves: Shelves, capsys: pytest.CaptureFixture[str]
) -> None:
    recommended(shelves, "es_ES-davefx-medium", translator="michaelfeil/ct2fast-opus-mt-es-en")
    assert best(settings(tmp_path), "es-en", lambda: False) == 1
    assert not (tmp_path / "data/models").exists()
    assert "MT_MODEL" not in capsys.readouterr().out
    assert best(settings(tmp_path), "es-en", lambda: True) == 0
    assert printed(capsys.readouterr().out)["TTS_MODEL"] == "en_US-joe-medium"
    shelves.asked.clear()

    assert best(settings(tmp_path), "es-en", pytest.fail) == 0
    assert shelves.asked == []


def test_a_pair_without_recommended_models_names_those_that_have_some(
    tmp_path: Path, shelves: Shelves, capsys: pytest.CaptureFixture[str]
) -> None:
    assert best(settings(tmp_path), "en-eo", pytest.fail) == 2
    told = capsys.readouterr().err
    assert all(pair in told for pair in ("en-eo", *BEST))
    assert best(settings(tmp_path), "en-fr", pytest.fail) == 1
    assert "faster-whisper-small has no files" in capsys.readouterr().err
    assert len(shelves.asked) == 1


@pytest.mark.parametrize("pair", BEST)
def test_the_names_of_recommended_models_say_their_pair(pair: str, tmp_path: Path) -> None:
    choice = BEST[pair]
    wanted = settings(tmp_path, MT_ENGINE="ctranslate2", MT_MODEL=choice.translator)

    assert registry.choose(wanted).translator.pairs == (tuple(pair.split("-")),)
    assert find(choice.voice).path.startswith(pair.split("-")[1])
