"""An interpreter as an agent of LiveKit: who speaks in a room is heard in another language, without turns.

pip install "livekit-agents>=1.8" "openai[realtime]"
export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=…
export OPENAI_BASE_URL=http://127.0.0.1:5003/v1 OPENAI_API_KEY="one of API_KEYS, or anything"
python docs/livekit_interpreter.py dev
"""

from __future__ import annotations

import asyncio
import base64
import time

from livekit import rtc
from livekit.agents import AgentServer, JobContext, cli
from livekit.agents.beta import translation as lk
from livekit.agents.utils.aio import Chan, cancel_and_wait
from livekit.agents.voice.room_io import AudioInputOptions
from openai import AsyncOpenAI

RATE = 24_000  # Hz, in both directions
LANGUAGE = "es"


class Interpreter(lk.TranslationModel):
    """What stands behind OPENAI_BASE_URL, as LiveKit's sessions want it."""

    def __init__(self, target_language: str) -> None:
        able = lk.TranslationCapabilities(input_transcription=True, output_transcription=True)
        super().__init__(capabilities=able, target_language=target_language)
        self.client = AsyncOpenAI()

    def session(self) -> Interpreting:
        return Interpreting(self)

    async def aclose(self) -> None:
        await self.client.close()


class Interpreting(lk.TranslationModelSession):
    """One connection to /v1/realtime/translations."""

    def __init__(self, model: Interpreter) -> None:
        super().__init__(model)
        self.heard, self.told = Chan[rtc.AudioFrame](), Chan[lk.TranslatedAudioFrame]()
        self.running = asyncio.create_task(self.run(model))

    @property
    def audio_stream(self) -> Chan[lk.TranslatedAudioFrame]:
        return self.told

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        self.heard.send_nowait(frame)

    async def run(self, model: Interpreter) -> None:
        try:
            while True:  # a session lasts an hour, or five minutes without sound
                await self.interpret(model)
        except Exception as error:
            wrong = lk.TranslationModelError(
                timestamp=time.time(), label=model.label, error=error, recoverable=False
            )
            self.emit("error", wrong)

    async def interpret(self, model: Interpreter) -> None:
        async with model.client.realtime.translations.connect(model="gpt-realtime-translate") as line:
            audio = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
            audio["output"] = {"language": model.target_language}
            await line.session.update(session={"audio": audio})
            sending = asyncio.create_task(self.send(line))
            try:
                await self.receive(line)
            finally:
                await cancel_and_wait(sending)

    async def send(self, line) -> None:
        async for frame in self.heard:
            await line.session.input_audio_buffer.append(audio=base64.b64encode(frame.data).decode())

    async def receive(self, line) -> None:
        async for event in line:
            match event.type:
                case "session.output_audio.delta":
                    pcm = base64.b64decode(event.delta)
                    frame = rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)
                    self.told.send_nowait(lk.TranslatedAudioFrame(frame))
                case "session.input_transcript.delta":  # each is a whole phrase
                    self.emit("input_transcript", lk.InputTranscript(event.delta.strip(), True))
                case "session.output_transcript.delta":
                    self.emit("output_transcript", lk.OutputTranscript(event.delta.strip(), True))
                case "error":
                    print(event.error.message)

    async def aclose(self) -> None:
        await cancel_and_wait(self.running)


server = AgentServer()


@server.rtc_session()
async def interpret(job: JobContext) -> None:
    """Interprets whoever publishes a microphone first."""
    session = lk.TranslationSession(model=Interpreter(LANGUAGE))
    hearing = lk.TranslationRoomOptions(audio_input=AudioInputOptions(sample_rate=RATE))
    await session.start(room=job.room, room_options=hearing)


if __name__ == "__main__":
    cli.run_app(server)
