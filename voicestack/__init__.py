"""Clients of Voicestack's services for programs in Python, each as it is and for asyncio.

`Sts` dubs phrases, `Live` writes down speech while it is spoken, `Sales` follows calls, `Uploads` keeps
recordings. What they take and give are the models that the services themselves use.
"""

from app.api.messages import Found, SegmentView, TranscriptView, WholeTranscript
from app.mic.live import Words
from app.sales.messages import (
    Call,
    Event,
    Objection,
    ObjectionEvent,
    PartialEvent,
    Segment,
    SegmentEvent,
    StateEvent,
    WholeCall,
)
from app.speech.protocol import Dub, Failure, Profile
from voicestack.asking import Problem
from voicestack.live import AsyncLive, Live
from voicestack.sales import AsyncSales, Sales
from voicestack.sts import AsyncSts, Dubbed, NoDub, Sts
from voicestack.uploads import AsyncUploads, Uploads

__all__ = [
    "AsyncLive",
    "AsyncSales",
    "AsyncSts",
    "AsyncUploads",
    "Call",
    "Dub",
    "Dubbed",
    "Event",
    "Failure",
    "Found",
    "Live",
    "NoDub",
    "Objection",
    "ObjectionEvent",
    "PartialEvent",
    "Problem",
    "Profile",
    "Sales",
    "Segment",
    "SegmentEvent",
    "SegmentView",
    "StateEvent",
    "Sts",
    "TranscriptView",
    "Uploads",
    "WholeCall",
    "WholeTranscript",
    "Words",
]
