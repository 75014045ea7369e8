"""How the queue stands: what waits, for how long, and what is at work."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

QUEUE = """SELECT count(*) FILTER (WHERE j.status = 'todo'), count(*) FILTER (WHERE j.status = 'doing'),
    coalesce(extract(epoch FROM now() - min(e.at) FILTER (WHERE j.status = 'todo')), 0)
    FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
    WHERE j.status IN ('todo', 'doing')"""


@dataclass(frozen=True)
class Queue:
    """Jobs that wait and that are at work: files to cut and pieces. `oldest` waits for so many seconds."""

    waiting: int = 0
    at_work: int = 0
    oldest: float = 0.0


async def queue(connection: AsyncConnection) -> Queue:
    """The queue as it is now."""
    waiting, at_work, oldest = (await connection.execute(text(QUEUE))).one()
    return Queue(waiting, at_work, max(0.0, float(oldest)))
