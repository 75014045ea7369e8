"""Voice prints: what a stretch of speech sounds like, as a point that is near to others of the same voice.

The model is Resemblyzer's speaker encoder (GE2E, three layers of LSTM). Of its package the weights alone are
read: what it computes is written out here, so that neither PyTorch nor librosa is needed.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.speech.models import places
from app.speech.models.table import VOICEPRINT
from app.speech.types import RECOGNISER_RATE, EngineMissing, Samples

WINDOW, HOP, BANDS = 400, 160, 40
"""Samples of a frame of the spectrum and between two, and how many bands it has."""
FRAMES = 160
"""Frames of a print: 1.6 s."""
SPAN = FRAMES * HOP
LAYERS = 3
AT_ONCE = 64
LOUD = 10 ** (-30 / 20)
"""What quiet speech is brought to: the root mean square of its samples."""
MEL_LINEAR, MEL_LOG = 200 / 3, np.log(6.4) / 27
"""Slaney's scale: linear up to 1000 Hz, logarithmic above."""

Floats = NDArray[np.float32]


class Voiceprint:
    """The model, once loaded. Thread-safe."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._weights: dict[str, Floats] = {}
        self._filters = mel_filters()

    def load(self) -> None:
        """Reads the weights. Raises EngineMissing."""
        folder = places.ready(VOICEPRINT, self._models_dir)
        if folder is None:
            raise EngineMissing("speakers can't be told apart: `make setup` brings the package that it takes")
        self._weights = weights(folder / "model.pt")

    def prints(self, sound: Samples, begins: Sequence[int]) -> Floats:
        """A row of length 1 for the SPAN samples of 16 kHz from each of these on; silence follows the end."""
        loud = louder(sound)
        rows = []
        for first in range(0, len(begins), AT_ONCE):
            spans = [span(loud, begin) for begin in begins[first : first + AT_ONCE]]
            rows.append(self._encoded(np.stack([self._spectrum(each) for each in spans])))
        return np.concatenate(rows) if rows else np.zeros((0, 256), np.float32)

    def _spectrum(self, sound: Samples) -> Floats:
        """Power in each band, frame by frame; not its logarithm, as this model was trained."""
        padded = np.pad(sound, WINDOW // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:FRAMES]
        power = np.abs(np.fft.rfft(frames * HANN)) ** 2
        return (power @ self._filters).astype(np.float32)

    def _encoded(self, spectra: Floats) -> Floats:
        """The prints of spectra: rows, frames, bands."""
        sequence = spectra
        hidden = np.zeros((0, 0), np.float32)
        for layer in range(LAYERS):
            into, on = (self._weights[f"lstm.weight_{kind}_l{layer}"].T for kind in ("ih", "hh"))
            bias = self._weights[f"lstm.bias_ih_l{layer}"] + self._weights[f"lstm.bias_hh_l{layer}"]
            given = sequence @ into + bias
            hidden = np.zeros((len(spectra), on.shape[0]), np.float32)
            cell = np.zeros_like(hidden)
            outputs = []
            for frame in range(sequence.shape[1]):
                gates = given[:, frame] + hidden @ on
                enter, forget, new, leave = np.split(gates, 4, axis=1)
                cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
                hidden = sigmoid(leave) * np.tanh(cell)
                outputs.append(hidden)
            sequence = np.stack(outputs, axis=1)
        raw = np.maximum(hidden @ self._weights["linear.weight"].T + self._weights["linear.bias"], 0)
        made: Floats = raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
        return made


HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def sigmoid(value: Floats) -> Floats:
    """1 / (1 + exp(-value)), which never overflows."""
    made: Floats = 0.5 * (np.tanh(0.5 * value) + 1)
    return made


def louder(sound: Samples) -> Samples:
    """Quiet sound as loud as the model knows speech; loud sound as it is."""
    level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if sound.size else 0.0
    return sound * np.float32(LOUD / level) if 0 < level < LOUD else sound


def span(sound: Samples, begin: int) -> Samples:
    """SPAN samples from there on."""
    found = sound[begin : begin + SPAN]
    return np.pad(found, (0, SPAN - found.size))


def mel_filters() -> Floats:
    """How much of each frequency is in each band: triangles of the same area on Slaney's mel scale."""
    top = 15 + np.log(RECOGNISER_RATE / 2 / 1000) / MEL_LOG
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * MEL_LINEAR, 1000 * np.exp(MEL_LOG * (mels - 15)))
    bins = np.linspace(0, RECOGNISER_RATE / 2, WINDOW // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    area = 2 / (edges[2:] - edges[:-2])
    made: Floats = (np.maximum(0, np.minimum(rising, falling)) * area).astype(np.float32)
    return made


class Named(dict[str, Any]):
    """Tensors by their names; a file may tell more of them, which is not needed."""


class Weights(pickle.Unpickler):
    """Reads numbers alone from a file of PyTorch's older kind: it builds nothing else that the file names."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for what a tensor is built by. Raises UnpicklingError for all else."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name.endswith("Storage"):
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return Named
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> str:
        """Notes a storage, which follows the pickled part."""
        _, kind, key, _, size, *_ = pid
        self.storages[key] = (kind, size)
        return str(key)


def weights(path: Path) -> dict[str, Floats]:
    """The tensors of `model_state` in a file of PyTorch's older kind. Raises EngineMissing."""
    try:
        with path.open("rb") as file:
            for _ in range(3):  # A magic number, a version, and what machine it was.
                Weights(file).load()
            reader = Weights(file)
            state = reader.load()["model_state"]
            kept: dict[str, Floats] = {}
            for key in Weights(file).load():
                kind, size = reader.storages[key]
                (count,) = struct.unpack("<q", file.read(8))
                width = 8 if kind in ("DoubleStorage", "LongStorage") else 4
                content = file.read(count * width)
                if kind == "FloatStorage" and count == size:
                    kept[key] = np.frombuffer(content, "<f4")
    except (OSError, pickle.UnpicklingError, KeyError, ValueError, struct.error, EOFError) as error:
        raise EngineMissing(f"the model of voices in {path} can't be read: {error}") from None
    return {name: tensor(kept, *about) for name, about in state.items() if about[0] in kept}


def tensor(
    kept: dict[str, Floats], storage: str, offset: int, shape: Sequence[int], strides: Sequence[int]
) -> Floats:
    """A tensor as an array of its own."""
    whole = kept[storage][offset:]
    return np.lib.stride_tricks.as_strided(whole, shape, [4 * each for each in strides]).copy()
