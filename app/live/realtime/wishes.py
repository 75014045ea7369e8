"""The configuration of a transcription session: what a client may wish for, checked. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest
from openai.types.realtime.realtime_transcription_session_audio_input_turn_detection import ServerVad

from app.speech.cutter import Rules
from app.speech.gate import RULES
from app.speech.realtime.line import RATE, BadEvent, Update, merged, new_id

MODEL = "gpt-realtime-whisper"
"""What a client is told where it names no model; whatever it names, ASR_ENGINE does the work."""
LONGEST_PROMPT = 1000
SHORTEST_SILENCE, LONGEST_SILENCE = 100, 10_000
INPUT = "session.audio.input"

Wishes = RealtimeTranscriptionSessionCreateRequest


def fresh(model: str, language: str, expires: int) -> Wishes:
    """What holds until the client wishes for something else. `expires` is a Unix time in seconds."""
    silence = round(RULES.silence * 1000)
    return Wishes.model_validate(
        {
            "type": "transcription",
            "id": new_id("sess"),
            "object": "realtime.transcription_session",
            "expires_at": expires,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": RATE},
                    "noise_reduction": None,
                    "transcription": {"model": model, "language": language, "prompt": ""},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": RULES.threshold,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": silence,
                    },
                }
            },
        }
    )


def changed(wishes: Wishes, update: Update, known: Sequence[str]) -> Wishes:
    """The wishes with an update; `known` are the recogniser's languages, `*` for any. Raises BadEvent."""
    if update.session.get("type") == "realtime":
        raise BadEvent("this service transcribes: session.type is transcription", param="session.type")
    new = merged(wishes, update.session)
    if new.audio is None or (heard := new.audio.input) is None or heard.transcription is None:
        raise BadEvent("without transcription there is nothing to do here", param=f"{INPUT}.transcription")
    if heard.format is not None and heard.format.type != "audio/pcm":
        raise BadEvent(f"sound is audio/pcm with {RATE} Hz here", param=f"{INPUT}.format.type")
    if heard.turn_detection is not None:
        _check(heard.turn_detection)
    if (named := heard.transcription.languages) and named != _languages(wishes):
        heard.transcription.language = _one_of(named, language_of(wishes), known)
    language = language_of(new)
    if language and "*" not in known and language not in known:
        raise BadEvent(
            f"the recogniser here knows {', '.join(known)}, not {language!r}",
            "unsupported_language",
            f"{INPUT}.transcription.language",
        )
    return new


def _check(detection: object) -> None:
    place = f"{INPUT}.turn_detection"
    if not isinstance(detection, ServerVad):
        raise BadEvent(
            "turn_detection is server_vad here, or null for commits of your own", param=f"{place}.type"
        )
    if detection.threshold is not None and not 0.0 < detection.threshold < 1.0:
        raise BadEvent("threshold lies between 0 and 1", param=f"{place}.threshold")
    silence = detection.silence_duration_ms
    if silence is not None and not SHORTEST_SILENCE <= silence <= LONGEST_SILENCE:
        raise BadEvent(
            f"silence_duration_ms is {SHORTEST_SILENCE} to {LONGEST_SILENCE}",
            param=f"{place}.silence_duration_ms",
        )


def _languages(wishes: Wishes) -> list[str] | None:
    transcription = wishes.audio and wishes.audio.input and wishes.audio.input.transcription
    return transcription.languages if transcription else None


def _one_of(named: Sequence[str], own: str, known: Sequence[str]) -> str:
    """The language to listen for where several may be spoken: ours, else the first that is known here."""
    if own in named:
        return own
    return next((language for language in named if language in known), named[0])


def language_of(wishes: Wishes) -> str:
    """The language that is spoken (ISO 639); empty for the service's own."""
    transcription = wishes.audio and wishes.audio.input and wishes.audio.input.transcription
    return ((transcription and transcription.language) or "").strip().lower().split("-")[0]


def prompt_of(wishes: Wishes) -> str:
    """What the recogniser is told of the subject."""
    transcription = wishes.audio and wishes.audio.input and wishes.audio.input.transcription
    if not transcription:
        return ""
    return " ".join([transcription.prompt or "", *(transcription.keywords or ())]).strip()[:LONGEST_PROMPT]


def turns_of(wishes: Wishes) -> Rules | None:
    """When a turn ends by itself; None where the client says so."""
    detection = wishes.audio and wishes.audio.input and wishes.audio.input.turn_detection
    if not isinstance(detection, ServerVad):
        return None
    threshold = RULES.threshold if detection.threshold is None else detection.threshold
    silence = RULES.silence if detection.silence_duration_ms is None else detection.silence_duration_ms / 1000
    hysteresis = min(RULES.hysteresis, threshold / 2)
    return Rules(RULES.longest, RULES.window, threshold=threshold, hysteresis=hysteresis, silence=silence)
