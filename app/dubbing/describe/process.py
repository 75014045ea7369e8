"""A process that publishes a stream with descriptions, which come to it over its pipe."""

from __future__ import annotations

from multiprocessing.connection import Connection

from app.dubbing.configs import DescribeConfig
from app.dubbing.describe.described import Described
from app.dubbing.messages import Command, SentencePart
from app.dubbing.states import DescribeState
from app.dubbing.worker.running import Running


class Describer(Running[Described]):
    """Publishes, and says what it is given where nobody speaks."""

    def __init__(self, config: DescribeConfig, pipe: Connection) -> None:
        super().__init__(config, pipe, Described())
        self._parts: list[SentencePart] = []

    def look(self) -> None:
        """Says what is due."""
        self.line.look()

    def obey(self, command: Command) -> None:
        """Takes sentences, part by part; one that was not sent to its end is forgotten."""
        if not isinstance(command, SentencePart):
            return
        if self._parts and self._parts[0].id != command.id:
            self._parts.clear()
        self._parts.append(command)
        if command.last:
            pcm = b"".join(part.pcm for part in self._parts)
            self._parts.clear()
            self.line.say(command.ago, command.new_scene, command.rate, pcm)

    def state(self) -> DescribeState:
        """The heartbeat."""
        return DescribeState(
            phase=self.phase,
            said=self.line.said,
            dropped=self.line.dropped,
            reconnects=self.puller.reconnects,
            note=self.publisher.problem or self.puller.problem,
        )


def main(config: DescribeConfig, pipe: Connection) -> None:
    """Describes in this process."""
    Describer(config, pipe).run()
