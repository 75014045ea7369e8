"""Typed settings from the environment; everything that is wrong is told at once.

The field names in capitals are the environment variables. `.env.example` is written from
this file (`python -m app env`), and a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PortNumber = Annotated[int, Field(ge=1, le=65535)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Device = Literal["auto", "cpu", "cuda"]
Profile = Literal["live", "steady", "quality"]


class SettingsError(ValueError):
    """Settings that cannot be used. The message names every variable, what is wrong, and an example."""


def section(title: str, default: Any, meaning: str, example: str = "") -> Any:
    """A settings field: where it stands in `.env.example`, its default, its meaning, an example."""
    return Field(
        default=default,
        description=meaning,
        json_schema_extra={"section": title, "example": example},
    )


class Settings(BaseSettings):
    """All settings of one process, built once at its edge and passed in."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    log_level: Literal["debug", "info", "warning", "error"] = section(
        "Logs", "info", "How much is logged: debug, info, warning or error."
    )
    log_format: Literal["plain", "json"] = section(
        "Logs", "plain", "plain for people, json (one object a line) for log collectors."
    )

    bind_address: str = section(
        "Network",
        "127.0.0.1",
        "Address the services listen on. 127.0.0.1 keeps everything on this machine; "
        "0.0.0.0 opens it to your network: set the MEDIA_ passwords first.",
        "0.0.0.0",
    )
    web_port: PortNumber = section("Network", 4200, "Console.")
    dubber_port: PortNumber = section("Network", 8003, "Dubber: streams, captions, controls.")
    sts_port: PortNumber = section("Network", 5003, "Speech to speech.")
    dubber_url: str = section(
        "Network", "", "Where the dubber is; empty means this machine.", "http://dubber:8003"
    )
    data_dir: Path = section(
        "Network", Path("data"), "Folder for models, recordings and everything else that is kept."
    )

    media_host: str = section("Media server", "127.0.0.1", "Host that the media server runs on.", "media")
    media_rtmp_port: PortNumber = section("Media server", 1935, "RTMP ingest and playback.")
    media_rtsp_port: PortNumber = section("Media server", 8554, "RTSP ingest and playback.")
    media_hls_port: PortNumber = section("Media server", 8888, "HLS playback.")
    media_webrtc_port: PortNumber = section("Media server", 8889, "WebRTC ingest and playback.")
    media_webrtc_udp_port: PortNumber = section("Media server", 8189, "WebRTC media (UDP).", "8189")
    media_api_port: PortNumber = section("Media server", 9997, "Control API; listens on this machine only.")
    media_publish_user: str = section(
        "Media server", "", "Who may publish to live/<name>; empty lets everyone.", "obs"
    )
    media_publish_password: SecretStr = section(
        "Media server", SecretStr(""), "Password for publishing.", "a-long-random-word"
    )
    media_read_user: str = section(
        "Media server", "", "Who may watch and listen; empty lets everyone.", "viewer"
    )
    media_read_password: SecretStr = section(
        "Media server", SecretStr(""), "Password for watching.", "another-long-random-word"
    )
    media_api_password: SecretStr = section(
        "Media server",
        SecretStr(""),
        "Password of the control API for tools of your own (user voicestack-api); empty lets only the "
        "dubber in.",
        "a-third-long-random-word",
    )
    media_record: bool = section(
        "Media server",
        False,
        "Record every stream, original and dubbed, under DATA_DIR/recordings.",
    )

    source_language: Language = section("Dubbing", "en", "Language that is spoken in the streams.")
    target_languages: Annotated[tuple[Language, ...], NoDecode] = section(
        "Dubbing", ("es",), "Languages to dub into, separated by commas.", "es,fr"
    )
    dub_profile: Profile = section(
        "Dubbing",
        "live",
        "How much the picture is delayed: live 2.8 s, steady 5 s, quality 8 s. "
        "More delay gives longer phrases, which are recognised and translated better.",
    )
    dub_voice: str = section("Dubbing", "", "Voice of the dub; empty picks one for the language.", "es+f3")
    sts_urls: Annotated[tuple[str, ...], NoDecode] = section(
        "Dubbing",
        (),
        "Addresses of the speech hosts, separated by commas, best first; empty means this machine.",
        "ws://gpu-1:5003,ws://gpu-2:5003",
    )
    reconnect_delay: Annotated[float, Field(gt=0)] = section(
        "Dubbing", 1.0, "Seconds before the first attempt to reconnect; doubled at each one."
    )
    max_reconnect_delay: Annotated[float, Field(gt=0)] = section(
        "Dubbing", 30.0, "Longest time in seconds between two attempts to reconnect."
    )

    asr_engine: Literal["pocketsphinx", "whisper"] = section(
        "Speech",
        "pocketsphinx",
        "Recogniser: pocketsphinx (English, needs no download) or whisper (faster-whisper).",
    )
    asr_model: str = section(
        "Speech", "", "Model of the recogniser; empty means the engine's own default.", "small"
    )
    asr_device: Device = section(
        "Speech", "auto", "Where recognition and translation run: auto, cpu or cuda."
    )
    mt_engine: Literal["apertium", "ctranslate2", "identity"] = section(
        "Speech",
        "apertium",
        "Translator: apertium, ctranslate2 (NLLB or OPUS-MT), or identity "
        "(no translation: the dub repeats the original's language).",
    )
    mt_model: str = section(
        "Speech", "", "Model of the translator: a folder under DATA_DIR/models.", "opus-mt-en-es"
    )
    tts_engine: Literal["auto", "espeak", "piper"] = section(
        "Speech",
        "auto",
        "Voice engine: piper, espeak, or auto (piper where it has a voice for the language).",
    )
    tts_model: str = section("Speech", "", "Voice model of piper: a file in VOICES_DIR.", "es_ES-x")
    tts_device: Device = section("Speech", "auto", "Where the voice runs: auto, cpu or cuda.")
    voices_dir: Path = section(
        "Speech",
        Path("voices"),
        "Folder of further Piper voices (<voice>.onnx and <voice>.onnx.json).",
    )
    sts_max_pending: Annotated[int, Field(ge=1)] = section(
        "Speech", 16, "Phrases that may wait in sts; more are refused at once as overload."
    )

    @field_validator("target_languages", "sts_urls", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("sts_urls")
    @classmethod
    def _are_websockets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            if not url.startswith(("ws://", "wss://")):
                raise ValueError(f"{url!r} is not a WebSocket address (ws:// or wss://)")
        return value

    @field_validator("dubber_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an HTTP address (http:// or https://)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _belong_together(self) -> Settings:
        problems = []
        if self.max_reconnect_delay < self.reconnect_delay:
            problems.append("MAX_RECONNECT_DELAY must not be smaller than RECONNECT_DELAY")
        if not self.target_languages:
            problems.append("TARGET_LANGUAGES names no language, for example es")
        for role, user, password in (
            ("PUBLISH", self.media_publish_user, self.media_publish_password),
            ("READ", self.media_read_user, self.media_read_password),
        ):
            if bool(user) != bool(password.get_secret_value()):
                problems.append(f"MEDIA_{role}_USER and MEDIA_{role}_PASSWORD go together: set both or none")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def dubber_address(self) -> str:
        """HTTP address of the dubber, without a slash at the end."""
        return self.dubber_url or f"http://{self.local_host}:{self.dubber_port}"

    @property
    def sts_addresses(self) -> tuple[str, ...]:
        """WebSocket addresses of the speech hosts, best first."""
        return self.sts_urls or (f"ws://{self.local_host}:{self.sts_port}",)

    @property
    def local_host(self) -> str:
        """The address at which a process on this machine reaches our services."""
        return "127.0.0.1" if self.bind_address in ("0.0.0.0", "::", "") else self.bind_address

    @property
    def models_dir(self) -> Path:
        """Folder of the model files."""
        return self.data_dir / "models"

    @property
    def recordings_dir(self) -> Path:
        """Folder of the recorded streams."""
        return self.data_dir / "recordings"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from the environment and `.env`, or from the mapping alone where one is given.

    Raises SettingsError that names every wrong variable at once.
    """
    try:
        if environment is None:
            return Settings()
        return Settings.model_validate(
            {name.lower(): value for name, value in environment.items() if value != ""}
        )
    except ValidationError as error:
        raise SettingsError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """One line a wrong variable: its name, what is wrong, an example. Values of secrets never appear."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.extend(message.split("; "))
            continue
        name = str(problem["loc"][0])
        lines.append(f"{name.upper()}: {message}{_example(name)}")
    return "\n".join(lines)


def _example(name: str) -> str:
    field = Settings.model_fields.get(name)
    if field is None:
        return ""
    extra = field.json_schema_extra
    example = extra.get("example") if isinstance(extra, dict) else ""
    example = example or shown(field.default)
    return f" (for example {name.upper()}={example})" if example else ""


def shown(value: Any) -> str:
    """A default as it is written in an environment file."""
    if isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)
