"""The events of realtime transcription, as AsyncAPI tells them."""

from __future__ import annotations

from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeErrorEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)

from app.live.realtime.session import KINDS
from app.serving.asyncapi import Channel
from app.speech.realtime.door import TRANSCRIPTION

CHANNEL = Channel(
    TRANSCRIPTION,
    "Live transcription as OpenAI's realtime API has it.",
    takes=tuple(KINDS.values()),
    tells=(
        SessionCreatedEvent,
        SessionUpdatedEvent,
        InputAudioBufferSpeechStartedEvent,
        InputAudioBufferSpeechStoppedEvent,
        InputAudioBufferCommittedEvent,
        InputAudioBufferClearedEvent,
        ConversationItemAdded,
        ConversationItemDone,
        ConversationItemInputAudioTranscriptionDeltaEvent,
        ConversationItemInputAudioTranscriptionCompletedEvent,
        RealtimeErrorEvent,
    ),
)
