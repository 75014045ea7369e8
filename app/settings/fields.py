"""Typed settings from the environment; everything that is wrong is told at once.

The field names in capitals are the environment variables. `.env.example` is written from
this file (`python -m app env`), and a test keeps the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.settings.rules import SettingsError, explain, section

PortNumber = Annotated[int, Field(ge=1, le=65535)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Device = Literal["auto", "cpu", "cuda"]
Profile = Literal["live", "steady", "quality"]
HOST_NAME = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
STREAM_HOST = re.compile(r"[A-Za-z0-9_.-]+(:\d{1,5})?")
POOL = "dns+"
"""Before an address in STS_URLS: every address of its name is a host."""
DEVICE = re.compile(r"/dev/video\d{1,3}")
CDN_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")
WEBHOOK_SECRET = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
ORIGIN = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?")


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
        "0.0.0.0 opens it to your network: set the MEDIA_ passwords first, and add an account for the "
        "console (`python -m app users add`), which closes the other services too, all but sts. With the "
        "edge, what speaks HTTP stays on this machine behind it.",
        "0.0.0.0",
    )
    web_port: PortNumber = section("Network", 4200, "Console.")
    dubber_port: PortNumber = section("Network", 8003, "Dubber: streams, captions, controls.")
    sts_port: PortNumber = section("Network", 5003, "Speech to speech.")
    asr_port: PortNumber = section("Network", 5001, "Speech to text over REST.")
    tts_port: PortNumber = section("Network", 5002, "Text to speech over REST.")
    live_port: PortNumber = section("Network", 9090, "Live transcription (WhisperLive's protocol).")
    sales_port: PortNumber = section("Network", 8002, "Objections in a live transcript.")
    api_port: PortNumber = section("Network", 8001, "Uploads and their transcripts.")
    transcriber_port: PortNumber = section(
        "Network", 8004, "Health of the transcriber; on this machine only."
    )
    replica_port: PortNumber = section(
        "Network", 8005, "Read replica: what DUBBER_URL has of all/NAME, for many viewers."
    )
    commentary_port: PortNumber = section("Network", 8199, "Commentary on video.")
    dubber_url: str = section(
        "Network", "", "Where the dubber is; empty means this machine.", "http://dubber:8003"
    )
    cells: Annotated[tuple[str, ...], NoDecode] = section(
        "Network",
        (),
        "Dubbers of other cells, each beside a media server of its own, separated by commas: a new stream "
        "goes to the cell with the least to do, which `GET /ingest/NAME` of the dubber tells. They are asked "
        "with the first of API_KEYS, which has to be the same everywhere; links are signed with it, and hold "
        "at all of them.",
        "http://10.0.1.11:4200/api/dubber,https://streaming-3.example.org/api/dubber",
    )
    replicas: Annotated[tuple[str, ...], NoDecode] = section(
        "Network",
        (),
        "Where viewers reach read replicas of this cell, separated by commas: all/NAME/steered.m3u8 spreads "
        "them over these.",
        "https://replica-1.example.org,https://replica-2.example.org",
    )
    asr_url: str = section("Network", "", "Where asr is; empty means this machine.", "http://asr:5001")
    tts_url: str = section("Network", "", "Where tts is; empty means this machine.", "http://tts:5002")
    sales_url: str = section("Network", "", "Where sales is; empty means this machine.", "http://sales:8002")
    api_url: str = section("Network", "", "Where api is; empty means this machine.", "http://api:8001")
    commentary_url: str = section(
        "Network", "", "Where commentary is; empty means this machine.", "http://commentary:8199"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = section(
        "Network",
        (),
        "Further names that the services are reached by, separated by commas (*.example.org: every name "
        "below it). Addresses, localhost and the hosts in these settings are known already; requests for "
        "others are refused (421).",
        "voice.example.org,gpu-1",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = section(
        "Network",
        (),
        "Other sites whose pages may send requests and open WebSockets here, separated by commas; the media "
        "server lets pages of the first one play and publish.",
        "https://player.example.org",
    )
    data_dir: Path = section(
        "Network", Path("data"), "Folder for models, recordings and everything else that is kept."
    )

    oidc_issuer: str = section(
        "Login",
        "",
        "OpenID Connect: the issuer by which people sign in to the console; empty: by accounts alone "
        "(`python -m app users add`), and without these it asks for no login.",
        "https://id.example.org",
    )
    oidc_client_id: str = section("Login", "", "What the issuer calls the console.", "voicestack")
    oidc_client_secret: SecretStr = section(
        "Login", SecretStr(""), "The console's secret there; its address there is /login/callback."
    )
    oidc_operators: Annotated[tuple[str, ...], NoDecode] = section(
        "Login",
        (),
        "Who of them may change things, separated by commas: e-mail addresses, or group:<name> for all in a "
        "group of the issuer.",
        "ana@example.org,group:studio",
    )
    oidc_viewers: Annotated[tuple[str, ...], NoDecode] = section(
        "Login",
        (),
        "Who may look and listen, in the same way; * is everybody whom the issuer lets in. Nobody else may.",
        "*",
    )
    domain: str = section(
        "Edge",
        "",
        "Name that the edge is reached by; it gets and renews the certificate by itself. Empty (localhost, "
        "this machine's name), or a private name (voice.local, 192.168.1.5): from an authority of its own.",
        "voice.example.org",
    )
    edge_https_port: PortNumber = section(
        "Edge", 8443, "HTTPS of the edge (HTTP/3 by UDP too); 443 where DOMAIN is set."
    )
    edge_http_port: PortNumber = section(
        "Edge", 8080, "HTTP of the edge: leads to HTTPS, answers ACME; 80 where DOMAIN is set."
    )
    acme_ca: str = section(
        "Edge",
        "",
        "Directory address of the authority (ACME) that gives the certificate; empty means Let's Encrypt.",
        "https://ca.example.org/acme/directory",
    )
    acme_email: str = section(
        "Edge",
        "",
        "Where that authority writes to, as before a certificate ends.",
        "ops@example.org",
    )
    cdn_secret: SecretStr = section(
        "Edge",
        SecretStr(""),
        "What a CDN before the edge shows it as the header X-Voicestack-CDN: HLS is then given to that CDN "
        "alone. At least 16 letters and digits, such as `openssl rand -hex 32` makes.",
        "a-seventh-long-random-word",
    )
    cdn_url: str = section(
        "Edge",
        "",
        "Where viewers reach that CDN: who asks the edge for a stream is sent there, and links to all/NAME "
        "open it there.",
        "https://watch.example.org",
    )

    media_host: str = section("Media server", "127.0.0.1", "Host that the media server runs on.", "media")
    media_public_host: str = section(
        "Media server",
        "",
        "Address that browsers reach the media server at for WebRTC, where it is behind another; empty means "
        "this machine.",
        "203.0.113.10",
    )
    media_rtmp_port: PortNumber = section("Media server", 1935, "RTMP ingest and playback.")
    media_rtsp_port: PortNumber = section("Media server", 8554, "RTSP ingest and playback.")
    media_hls_port: PortNumber = section("Media server", 8888, "HLS playback.")
    media_webrtc_port: PortNumber = section("Media server", 8889, "WebRTC ingest and playback.")
    media_webrtc_udp_port: PortNumber = section("Media server", 8189, "WebRTC media (UDP).", "8189")
    media_srt_port: PortNumber = section("Media server", 8890, "SRT ingest and playback (UDP).")
    media_rtmps_port: PortNumber = section(
        "Media server", 1936, "RTMP, encrypted; there only beside an edge, with its certificate."
    )
    media_rtsps_port: PortNumber = section("Media server", 8322, "The same for RTSP.")
    media_srt_passphrase: SecretStr = section(
        "Media server",
        SecretStr(""),
        "What SRT is encrypted with, 10 to 79 characters, for publishers and viewers alike; empty leaves it "
        "unencrypted.",
        "a-long-random-phrase",
    )
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
    handover_secret: SecretStr = section(
        "Media server",
        SecretStr(""),
        "What a dubber and the one that takes over from it have in common; production's hosts make one "
        "themselves, and where there is none each dubber does.",
        "a-fourth-long-random-word",
    )
    media_record: bool = section(
        "Media server",
        False,
        "Record every stream, original and dubbed, under DATA_DIR/recordings.",
    )

    source_language: Annotated[str, Field(pattern=r"^(auto|[a-z]{2,3})$")] = section(
        "Dubbing",
        "en",
        "Language that is spoken in the streams; auto finds it out (needs a Whisper model of many languages, "
        "for example base).",
        "auto",
    )
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
    loudness_lufs: Annotated[float | None, Field(ge=-40, le=-10)] = section(
        "Dubbing",
        None,
        "Loudness that dubs are brought to, with the original in them: -23 is EBU R 128, -16 usual on the "
        "web. Empty leaves the sound as it comes.",
        "-23",
    )
    captions_608: bool = section(
        "Dubbing",
        False,
        "true: the pictures of dubs carry captions in the dub's language (CEA-608 in H.264 and H.265), which "
        "players and television equipment show on request. Latin scripts only. false leaves each picture as "
        "it comes.",
    )
    phrases_kept_mb: Annotated[int, Field(ge=1)] = section(
        "Dubbing",
        1024,
        "MB of recorded phrases (sounds and records, where an operator switches that on) that are kept under "
        "DATA_DIR/phrases; the oldest go first.",
    )
    phrases_kept_days: Annotated[float, Field(gt=0)] = section(
        "Dubbing", 7.0, "Days for which recorded phrases are kept."
    )
    replay_minutes: Annotated[int, Field(ge=0, le=1440)] = section(
        "Dubbing",
        0,
        "Minutes of each stream, in all its languages, that viewers can go back by (all/<name>); what is "
        "there when it ends can be watched later. 0 keeps nothing.",
        "120",
    )
    replay_kept_mb: Annotated[int, Field(ge=100)] = section(
        "Dubbing",
        10240,
        "MB of that which are kept under DATA_DIR/joined; of finished streams the oldest go first.",
    )
    sts_urls: Annotated[tuple[str, ...], NoDecode] = section(
        "Dubbing",
        (),
        "Addresses of the speech hosts, separated by commas, best first; empty means this machine. With dns+ "
        "before them, every address of a name is a host, as they come and go, and they share the dubs.",
        "ws://gpu-1:5003,ws://gpu-2:5003",
    )
    reconnect_delay: Annotated[float, Field(gt=0)] = section(
        "Dubbing", 1.0, "Seconds before the first attempt to reconnect; doubled at each one."
    )
    max_reconnect_delay: Annotated[float, Field(gt=0)] = section(
        "Dubbing", 30.0, "Longest time in seconds between two attempts to reconnect."
    )

    asr_engine: Literal["auto", "pocketsphinx", "whisper"] = section(
        "Speech",
        "auto",
        "Recogniser: whisper (faster-whisper), pocketsphinx (English, light), or auto (whisper where there "
        "is a model for the language, else pocketsphinx).",
    )
    asr_model: str = section(
        "Speech", "", "Model of the recogniser; empty means the engine's own default.", "small"
    )
    asr_device: Device = section(
        "Speech", "auto", "Where recognition and translation run: auto, cpu or cuda."
    )
    mt_engine: Literal["apertium", "ctranslate2", "identity", "llm"] = section(
        "Speech",
        "apertium",
        "Translator: apertium, ctranslate2 (NLLB or OPUS-MT), llm (the language model of LLM_BASE_URL; "
        "apertium where it would be late), or identity (no translation: the dub repeats the original's "
        "language).",
    )
    mt_model: str = section(
        "Speech",
        "",
        "Model of ctranslate2: a folder under DATA_DIR/models; `python -m app models best` fetches one.",
        "michaelfeil/ct2fast-opus-mt-en-es",
    )
    tts_engine: Literal["auto", "espeak", "kokoro", "pico", "piper", "xtts"] = section(
        "Speech",
        "auto",
        "Voice engine: piper, kokoro, pico, espeak, auto (the first of these that has a voice for the "
        "language; in a dub, a lighter one where it would be late), or xtts (voices cloned from samples in "
        "VOICES_DIR).",
    )
    tts_model: str = section(
        "Speech", "", "Voice of piper: in VOICES_DIR, or fetched by preload.", "es_ES-davefx-medium"
    )
    tts_device: Device = section("Speech", "auto", "Where the voice runs: auto, cpu or cuda.")
    voices_dir: Path = section(
        "Speech",
        Path("voices"),
        "Voices: Piper models (<voice>.onnx and <voice>.onnx.json), samples for xtts (<voice>.wav).",
    )
    sts_max_pending: Annotated[int, Field(ge=1)] = section(
        "Speech", 16, "Phrases that may wait in sts; more are refused at once as overload."
    )

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = section(
        "Speech API",
        (),
        "Keys that clients of asr, tts and live must send as a bearer token, separated by commas; "
        "empty lets everyone in.",
        "a-long-random-word",
    )
    max_upload_mb: Annotated[int, Field(ge=1)] = section(
        "Speech API",
        512,
        "Largest file that asr takes, in MB. At most eight times that lies on its disk at once (TMPDIR).",
    )
    max_audio_seconds: Annotated[float, Field(gt=0)] = section(
        "Speech API", 14400.0, "Longest sound that asr takes, in seconds."
    )
    request_deadline: Annotated[float, Field(gt=0)] = section(
        "Speech API", 3600.0, "Seconds after which a request to asr or tts is given up."
    )
    max_waiting: Annotated[int, Field(ge=1)] = section(
        "Speech API", 16, "Requests that may wait in asr or in tts; more are refused (503, Retry-After)."
    )
    model_ttl: Annotated[float, Field(ge=0)] = section(
        "Speech API",
        0.0,
        "Seconds of idleness after which asr, tts and transcriber free their model; 0 keeps it.",
    )
    wyoming_enabled: bool = section(
        "Speech API", False, "Speak the Wyoming protocol too, so that Home Assistant can use asr and tts."
    )
    wyoming_without_keys: bool = section(
        "Speech API",
        False,
        "The Wyoming protocol has no keys, so where API_KEYS is set too nothing starts unless BIND_ADDRESS "
        "is this machine; true lets everyone use it without a key.",
    )
    asr_wyoming_port: PortNumber = section("Speech API", 10300, "Wyoming protocol of asr.")
    tts_wyoming_port: PortNumber = section("Speech API", 10200, "Wyoming protocol of tts.")
    preload_models: Annotated[tuple[str, ...], NoDecode] = section(
        "Speech API",
        (),
        "Models that `python -m app preload` fetches where none is named, separated by commas.",
        "small,es_ES-davefx-medium",
    )
    force_download: bool = section("Speech API", False, "Fetch models anew although they are there.")

    live_max_clients: Annotated[int, Field(ge=1)] = section(
        "Live transcription", 8, "Clients that live serves at once; more are told how long to wait."
    )
    live_max_connection_time: Annotated[float, Field(gt=0)] = section(
        "Live transcription", 3600.0, "Longest time in seconds that a client of live stays connected."
    )

    whisper_host: str = section(
        "Objections", "", "Host of the live transcription that sales listens to; empty: this machine.", "live"
    )
    whisper_port: PortNumber | None = section("Objections", None, "Its port; empty means LIVE_PORT.", "9090")
    calls_kept_days: Annotated[float, Field(ge=0)] = section(
        "Objections",
        7.0,
        "Days for which calls, and what was said in them, are kept under DATA_DIR/calls, so that a restart "
        "loses none; 0 keeps them in memory alone.",
    )
    whisper_model: str = section("Objections", "", "Model that sales asks live for.", "small")
    buffer_time_threshold: Annotated[float, Field(gt=0)] = section(
        "Objections", 3.0, "Seconds of transcript after which it is searched for objections."
    )
    buffer_min_segments: Annotated[int, Field(ge=1)] = section(
        "Objections", 2, "Segments of transcript after which it is searched."
    )
    buffer_min_chars: Annotated[int, Field(ge=1)] = section(
        "Objections", 150, "Characters of transcript after which it is searched."
    )
    objection_engine: Literal["auto", "rules", "llm"] = section(
        "Objections",
        "auto",
        "What finds objections: rules (no key needed), llm (rules where it fails), or auto: rules at once, "
        "and a language model, where one is configured, adds what they missed.",
    )
    llm_base_url: str = section(
        "Language model",
        "",
        "Address of an OpenAI-compatible language model (Ollama, LM Studio, vLLM, OpenRouter); empty: none, "
        "or OpenRouter where OPENROUTER_API_KEY is set.",
        "http://127.0.0.1:11434/v1",
    )
    llm_model: str = section("Language model", "", "Name of the language model.", "llama3.1")
    llm_api_key: SecretStr = section("Language model", SecretStr(""), "Its key, where it wants one.")
    openrouter_api_key: SecretStr = section("Language model", SecretStr(""), "Key of OpenRouter.")
    llm_timeout: Annotated[float, Field(gt=0)] = section(
        "Language model", 20.0, "Seconds after which an answer of the language model is given up."
    )

    commentary_folder: Path | None = section(
        "Commentary",
        None,
        "Folder whose videos may be commented on; empty means DATA_DIR/videos. Of `make run` alone.",
        "/srv/videos",
    )
    commentary_hosts: Annotated[tuple[str, ...], NoDecode] = section(
        "Commentary",
        (),
        "Hosts whose RTSP streams may be commented on, separated by commas, with a port where it is not 554; "
        "the streams of the media server may be always.",
        "camera-1,192.0.2.7:8554",
    )
    commentary_devices: Annotated[tuple[str, ...], NoDecode] = section(
        "Commentary",
        (),
        "Cameras of this machine that may be commented on, separated by commas. Of `make run` alone.",
        "/dev/video0",
    )
    vision_model: str = section(
        "Commentary",
        "",
        "Model that comments on what it sees, at the address of the language model; empty: cuts, movement, "
        "light and colours are measured and told.",
        "llava",
    )
    vision_max_cost: Annotated[float, Field(ge=0)] = section(
        "Commentary",
        1.0,
        "Dollars that its server may say it cost, from one start of commentary to the next, before it is "
        "asked no more; 0 sets no limit.",
    )
    vision_max_calls: Annotated[int, Field(ge=0)] = section(
        "Commentary",
        2000,
        "Times that it is asked, from one start of commentary to the next; 0 sets no limit.",
    )

    livekit_enabled: bool = section(
        "LiveKit",
        False,
        "Let browsers bring their cameras into rooms that are commented on; `make livekit` fetches what that "
        "needs.",
    )
    livekit_url: str = section(
        "LiveKit", "", "Where LiveKit's server is; empty means this machine.", "ws://livekit:7880"
    )
    livekit_api_key: str = section(
        "LiveKit", "voicestack", "Name of the key that LiveKit's server knows us by."
    )
    livekit_api_secret: SecretStr = section(
        "LiveKit",
        SecretStr(""),
        "Its secret, 32 characters or more; `make run` makes one for its own server.",
        "a-sixth-very-long-random-word-or-two",
    )
    livekit_port: PortNumber = section("LiveKit", 7880, "Rooms: who comes, and what is shown and heard.")
    livekit_tcp_port: PortNumber = section(
        "LiveKit", 7881, "Picture and sound of rooms where UDP is blocked; not used on this machine alone."
    )
    livekit_udp_port: PortNumber = section("LiveKit", 7882, "Picture and sound of rooms (UDP).", "7882")

    db_host: str = section("Database", "127.0.0.1", "Host of PostgreSQL.", "db")
    db_port: PortNumber = section("Database", 5432, "Port of PostgreSQL.")
    db_name: str = section("Database", "whisper_db", "Name of the database.")
    db_user: str = section("Database", "whisper", "User of the database.")
    db_password: SecretStr = section(
        "Database",
        SecretStr(""),
        "Password of the database; `make run` makes one for its own.",
        "a-fourth-long-random-word",
    )

    db_pool_size: Annotated[int, Field(ge=1)] = section("Database", 5, "Connections kept open by a process.")
    db_max_overflow: Annotated[int, Field(ge=0)] = section("Database", 10, "Further ones for a burst.")

    max_file_mb: Annotated[int, Field(ge=1)] = section(
        "Uploads", 20_000, "Largest file that is taken for the archive, in MB."
    )
    uploads_bucket: str = section(
        "Uploads",
        "",
        "Bucket of S3 that uploaded files lie in; empty: DATA_DIR/archive. Region and credentials as AWS's "
        "SDK finds them (AWS_REGION, AWS_PROFILE). On AWS the stack makes its own.",
        "my-recordings",
    )
    deleted_kept_days: Annotated[float, Field(ge=0)] = section(
        "Uploads", 7.0, "Days for which a deleted transcript can be restored."
    )
    backup_recipient: str = section(
        "Uploads",
        "",
        "Whom backups are encrypted for with age (`python -m app archive key FILE` makes the key that reads "
        "them, and prints this); empty: they are not encrypted.",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    )
    voice_prints: bool = section(
        "Uploads",
        False,
        "Keep what a voice sounds like once its speaker is given a name, and know it in later recordings "
        "whose speakers are told apart. Ask whoever speaks; each is deleted by a click on the page.",
    )
    webhook_url: str = section(
        "Uploads",
        "",
        "Address that is told of each transcript that is done or has failed; empty: none.",
        "https://example.org/hooks/voicestack",
    )
    webhook_secret: SecretStr = section(
        "Uploads",
        SecretStr(""),
        "Secret by which what is told there is signed (Standard Webhooks).",
        "a-fifth-long-random-word",
    )
    watch_folder: Path | None = section(
        "Uploads",
        None,
        "Folder whose files become transcripts by themselves; they are moved to its subfolder taken, or "
        "refused. Of `make run` alone.",
        "/srv/recordings",
    )

    @field_validator(
        "target_languages", "sts_urls", "preload_models", "api_keys", "allowed_hosts", "allowed_origins",
        "cells", "replicas", "commentary_hosts", "commentary_devices", "oidc_operators", "oidc_viewers",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("sts_urls")
    @classmethod
    def _are_websockets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            if url.startswith(POOL) and not url.startswith(f"{POOL}ws://"):
                raise ValueError(f"{url!r}: {POOL} goes with ws:// alone: hosts are asked by their addresses")
            if not url.removeprefix(POOL).startswith(("ws://", "wss://")):
                raise ValueError(f"{url!r} is not a WebSocket address (ws:// or wss://)")
        return value

    @field_validator("cells", "replicas")
    @classmethod
    def _are_http(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._is_http(each) for each in value)

    @field_validator("livekit_url")
    @classmethod
    def _is_a_websocket(cls, value: str) -> str:
        if value and not value.startswith(("ws://", "wss://")):
            raise ValueError(f"{value!r} is not a WebSocket address (ws:// or wss://)")
        return value.rstrip("/")

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not HOST_NAME.fullmatch(host):
                raise ValueError(f"{host!r} is not the name of a host, without scheme and port")
        return tuple(host.lower() for host in value)

    @field_validator("commentary_hosts")
    @classmethod
    def _are_hosts_with_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not STREAM_HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host, with a port if any, such as camera-1:8554")
        return tuple(host.lower() for host in value)

    @field_validator("commentary_devices")
    @classmethod
    def _are_devices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for device in value:
            if not DEVICE.fullmatch(device):
                raise ValueError(f"{device!r} is not a camera such as /dev/video0")
        return value

    @model_validator(mode="before")
    @classmethod
    def _has_the_usual_ports(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("domain"):
            return {"edge_https_port": 443, "edge_http_port": 80, **values}
        return values

    @field_validator("domain")
    @classmethod
    def _is_one_name(cls, value: str) -> str:
        if value and ("*" in value or not HOST_NAME.fullmatch(value)):
            raise ValueError(f"{value!r} is not the name of a host, without scheme and port")
        return value.lower()

    @field_validator("acme_ca")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if value and not value.startswith("https://"):
            raise ValueError(f"{value!r} is not an HTTPS address (https://)")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin: http:// or https://, host, and port if any")
        return tuple(origin.lower() for origin in value)

    @field_validator("backup_recipient")
    @classmethod
    def _is_a_recipient(cls, value: str) -> str:
        if value.upper().startswith("AGE-SECRET-KEY-"):
            raise ValueError("this is the secret key: it takes the recipient that belongs to it (age1…)")
        if value:
            from pyrage import RecipientError, x25519

            try:
                x25519.Recipient.from_str(value)
            except RecipientError:
                raise ValueError(
                    f"{value!r} is no age recipient: `python -m app archive key FILE` makes a key and one"
                ) from None
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text.startswith("whsec_") and not WEBHOOK_SECRET.fullmatch(text):
            raise ValueError("after whsec_ a secret is base64")
        return value

    @field_validator(
        "dubber_url", "asr_url", "tts_url", "sales_url", "api_url", "commentary_url", "llm_base_url",
        "webhook_url", "oidc_issuer", "cdn_url",
    )  # fmt: skip
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an HTTP address (http:// or https://)")
        return value.rstrip("/")

    @field_validator("cdn_secret")
    @classmethod
    def _is_a_word(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not CDN_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("takes 16 to 200 letters, digits, - and _: `openssl rand -hex 32` makes such")
        return value

    @field_validator("media_srt_passphrase")
    @classmethod
    def _is_a_passphrase(cls, value: SecretStr) -> SecretStr:
        length = len(value.get_secret_value().encode())
        if length and not 10 <= length <= 79:
            raise ValueError(f"SRT takes 10 to 79 characters, not {length}")
        return value

    @model_validator(mode="after")
    def _belong_together(self) -> Settings:
        problems = []
        if self.watch_folder is not None and not self.watch_folder.is_dir():
            problems.append(f"WATCH_FOLDER={self.watch_folder} is not a folder: make it, or leave it away")
        if self.commentary_folder is not None and not self.commentary_folder.is_dir():
            folder = self.commentary_folder
            problems.append(f"COMMENTARY_FOLDER={folder} is not a folder: make it, or leave it away")
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
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_operators):
            problems.append(
                "OIDC_ISSUER needs OIDC_CLIENT_ID, and OIDC_OPERATORS to say who may change things"
            )
        router = bool(self.openrouter_api_key.get_secret_value())
        for variable, engine in (("OBJECTION_ENGINE", self.objection_engine), ("MT_ENGINE", self.mt_engine)):
            if engine == "llm" and not (self.llm_model and (self.llm_base_url or router)):
                problems.append(f"{variable}=llm needs LLM_MODEL, and LLM_BASE_URL or OPENROUTER_API_KEY")
        if self.vision_model and not (self.llm_base_url or router):
            problems.append("VISION_MODEL needs LLM_BASE_URL or OPENROUTER_API_KEY")
        if self.source_language == "auto" and (self.asr_engine == "pocketsphinx" or ".en" in self.asr_model):
            what = "ASR_ENGINE=pocketsphinx" if self.asr_engine == "pocketsphinx" else self.asr_model
            problems.append(
                f"SOURCE_LANGUAGE=auto: {what} knows English alone; name the language, or set "
                "ASR_ENGINE=whisper with a model of many languages (ASR_MODEL=base)"
            )
        problems += [self.wyoming_problem] if self.wyoming_problem else []
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def first_language(self) -> str:
        """A language where one is needed before anybody speaks: SOURCE_LANGUAGE, English for auto."""
        return "en" if self.source_language == "auto" else self.source_language

    @property
    def dubber_address(self) -> str:
        """HTTP address of the dubber, without a slash at the end."""
        return self.dubber_url or f"http://{self.local_host}:{self.dubber_port}"

    @property
    def asr_address(self) -> str:
        """HTTP address of asr, without a slash at the end."""
        return self.asr_url or f"http://{self.local_host}:{self.asr_port}"

    @property
    def tts_address(self) -> str:
        """HTTP address of tts, without a slash at the end."""
        return self.tts_url or f"http://{self.local_host}:{self.tts_port}"

    @property
    def sales_address(self) -> str:
        """HTTP address of sales, without a slash at the end."""
        return self.sales_url or f"http://{self.local_host}:{self.sales_port}"

    @property
    def api_address(self) -> str:
        """HTTP address of api, without a slash at the end."""
        return self.api_url or f"http://{self.local_host}:{self.api_port}"

    @property
    def commentary_address(self) -> str:
        """HTTP address of commentary, without a slash at the end."""
        return self.commentary_url or f"http://{self.local_host}:{self.commentary_port}"

    @property
    def livekit_address(self) -> str:
        """WebSocket address of LiveKit's server, without a slash at the end."""
        return self.livekit_url or f"ws://{self.local_host}:{self.livekit_port}"

    @property
    def live_address(self) -> str:
        """WebSocket address of live, without a slash at the end."""
        return f"ws://{self.whisper_host or self.local_host}:{self.whisper_port or self.live_port}"

    @property
    def sts_addresses(self) -> tuple[str, ...]:
        """WebSocket addresses of the speech hosts, best first; of a pool its name."""
        return tuple(url.removeprefix(POOL) for url in self.sts_found)

    @property
    def sts_found(self) -> tuple[str, ...]:
        """The same, with `dns+` before the name of a pool."""
        return self.sts_urls or (f"ws://{self.local_host}:{self.sts_port}",)

    @property
    def stays_here(self) -> bool:
        """Whether the services listen on this machine alone."""
        return self.bind_address in ("localhost", "::1") or self.bind_address.startswith("127.")

    @property
    def wyoming_problem(self) -> str:
        """What is wrong where the Wyoming protocol would let in those whom API_KEYS keeps out; else empty."""
        if not self.wyoming_enabled or not self.api_keys or self.wyoming_without_keys or self.stays_here:
            return ""
        return (
            "WYOMING_ENABLED lets everyone in without one of API_KEYS, since its protocol has no keys: leave "
            "one of the two away, set BIND_ADDRESS=127.0.0.1, or accept it with WYOMING_WITHOUT_KEYS=true"
        )

    @property
    def local_host(self) -> str:
        """The address at which a process on this machine reaches our services."""
        return "127.0.0.1" if self.bind_address in ("0.0.0.0", "::", "") else self.bind_address

    @property
    def models_dir(self) -> Path:
        """Folder of the model files."""
        return self.data_dir / "models"

    @property
    def profiles_dir(self) -> Path:
        """Folder of the streams' profiles, <stream>.toml."""
        return self.data_dir / "profiles"

    @property
    def videos_dir(self) -> Path:
        """Folder of the videos that may be commented on."""
        return self.commentary_folder or self.data_dir / "videos"

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
        raise SettingsError(explain(error, Settings)) from None
