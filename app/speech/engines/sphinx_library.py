"""PocketSphinx's own C functions, out of the library in its Python package.

Its Python class holds the interpreter's lock while it decodes, which would let one stream stall the
others and the event loop; a call through ctypes does not. (API: include/pocketsphinx.h of 5.x.)
"""

from __future__ import annotations

import ctypes
import functools
import json
import math
from collections.abc import Callable, Mapping

from app.speech.types import EngineMissing

Setting = str | int | float | bool

LOG_BASE = math.log(1.0001)
"""PocketSphinx's own unit of log probabilities (its setting `logbase`)."""

_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "ps_config_parse_json": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)),
    "ps_config_free": (ctypes.c_int, (ctypes.c_void_p,)),
    "ps_init": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "ps_free": (ctypes.c_int, (ctypes.c_void_p,)),
    "ps_start_utt": (ctypes.c_int, (ctypes.c_void_p,)),
    "ps_end_utt": (ctypes.c_int, (ctypes.c_void_p,)),
    "ps_process_raw": (
        ctypes.c_int,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int),
    ),
    "ps_seg_iter": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "ps_seg_next": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "ps_seg_word": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "ps_seg_frames": (
        None,
        (ctypes.c_void_p, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)),
    ),
    "ps_seg_prob": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    ),
    "ps_get_config": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "ps_config_set_str": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)),
    "ps_reinit_feat": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p)),
    "ps_get_cmn": (ctypes.c_char_p, (ctypes.c_void_p, ctypes.c_int)),
    "ps_set_cmn": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
    "err_set_loglevel_str": (ctypes.c_char_p, (ctypes.c_char_p,)),
}


@functools.cache
def library() -> ctypes.CDLL:
    """The library with its functions declared. Raises EngineMissing where it doesn't offer them."""
    try:
        from pocketsphinx import _pocketsphinx

        loaded = ctypes.CDLL(_pocketsphinx.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError) as error:
        raise EngineMissing(
            f"ASR_ENGINE=pocketsphinx can't be used ({error}): pip install 'pocketsphinx>=5.1'"
        ) from error
    loaded.err_set_loglevel_str(b"FATAL")
    return loaded


@functools.cache
def memory_trimmer() -> Callable[[int], object] | None:
    """The C library's function that returns freed memory, where it has one (glibc)."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


class Decoder:
    """A PocketSphinx decoder. One thread at a time; closed at the end."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self._library = library()
        config = self._library.ps_config_parse_json(None, json.dumps(dict(settings)).encode())
        if not config:
            raise EngineMissing("pocketsphinx does not take its settings; is it version 5 or later?")
        self._decoder = self._library.ps_init(config)
        self._library.ps_config_free(config)
        if not self._decoder:
            raise EngineMissing("pocketsphinx can't load the model of its package; install it again")

    def start(self) -> None:
        """Begins an utterance."""
        self._library.ps_start_utt(self._decoder)

    def feed(self, pcm: bytes) -> None:
        """Decodes int16 PCM of 16 kHz."""
        self._library.ps_process_raw(self._decoder, pcm, len(pcm) // 2, 0, 0)

    def end(self) -> None:
        """Ends the utterance and runs the last passes over it."""
        self._library.ps_end_utt(self._decoder)

    def segments(self) -> list[tuple[str, int, int]]:
        """Word, first frame and last frame (10 ms each) of the best hypothesis, with fillers."""
        found = []
        first, last = ctypes.c_int(), ctypes.c_int()
        segment = self._library.ps_seg_iter(self._decoder)
        while segment:
            self._library.ps_seg_frames(segment, ctypes.byref(first), ctypes.byref(last))
            word = self._library.ps_seg_word(segment) or b""
            found.append((word.decode(errors="replace"), first.value, last.value))
            segment = self._library.ps_seg_next(segment)
        return found

    def confidence(self) -> float:
        """Mean log posterior of the segments of an ended utterance: 0 is sure, lower is less so."""
        total, count = 0.0, 0
        segment = self._library.ps_seg_iter(self._decoder)
        while segment:
            total += self._library.ps_seg_prob(segment, None, None, None) * LOG_BASE
            count += 1
            segment = self._library.ps_seg_next(segment)
        return total / count if count else -math.inf

    def warp(self, factor: float) -> None:
        """Stretches the frequency axis for the speaker's voice (1.0: not at all), between utterances."""
        config = self._library.ps_get_config(self._decoder)
        self._library.ps_config_set_str(config, b"warp_params", f"{factor:g}".encode())
        mean = self._library.ps_get_cmn(self._decoder, 0)
        self._library.ps_reinit_feat(self._decoder, None)
        self._library.ps_set_cmn(self._decoder, mean)

    def forget_speaker(self, cepstral_mean: str) -> None:
        """Sets the warp and the running mean of the features back, for the next speaker."""
        self.warp(1.0)
        self._library.ps_set_cmn(self._decoder, cepstral_mean.encode())

    def close(self) -> None:
        """Frees the decoder, and gives its 100 MB back to the system, which glibc would keep."""
        if self._decoder:
            self._library.ps_free(self._decoder)
            self._decoder = None
            if (trim := memory_trimmer()) is not None:
                trim(0)
