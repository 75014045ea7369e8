"""The dubber: watches the media server and runs one worker process a stream and language."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import structlog
from fastapi import FastAPI

from app.access.gate import Gate, ask_for_keys
from app.access.remembered import links_of
from app.dubbing.configs import WorkerConfig
from app.dubbing.service import (
    api,
    cells,
    description_api,
    feeds,
    ingest_api,
    joined_api,
    media_calls,
    metrics,
    recorded_api,
    restream_api,
    sources_api,
    speech_health,
    views,
)
from app.dubbing.service.auth import API_USER, api_password, new_secret
from app.dubbing.service.cdn import Cdn
from app.dubbing.service.descriptions import Descriptions
from app.dubbing.service.events import Hub
from app.dubbing.service.joining import Joining
from app.dubbing.service.keepers import Supervisor
from app.dubbing.service.launching import Launcher, Main, run_real_worker
from app.dubbing.service.media_api import MediaApi
from app.dubbing.service.onward import Onward
from app.dubbing.service.recorded import Recorded
from app.dubbing.service.replicas import Replicas
from app.dubbing.service.restreams import Restreaming
from app.dubbing.service.shelf import Shelf
from app.dubbing.service.sources import Sources
from app.dubbing.service.streams import LINGER, Streams
from app.dubbing.service.viewers import Viewers
from app.dubbing.service.watcher import Watcher
from app.dubbing.service.workers import PATIENCE, Patience
from app.lasting import lasting
from app.service import Readiness, create_app
from app.serving import guarding
from app.serving.quick import Quick
from app.serving.trust import trusted
from app.settings import Settings

LISTENS_WITHIN = 2.0
TAKEN_OVER_WITHIN = 20.0
LOOK_EVERY = 0.1

log = structlog.get_logger()


def create(
    settings: Settings,
    *,
    worker: Main[WorkerConfig] = run_real_worker,
    patience: Patience = PATIENCE,
    linger: float = LINGER,
    taken_over_within: float = TAKEN_OVER_WITHIN,
) -> FastAPI:
    """The dubber's application. `worker` is what each process runs; times in seconds.

    /health says starting until every stream that is live has its dubs from here, for `taken_over_within`
    at most: whoever replaces a dubber then knows when the old one may go.
    """
    secret = settings.handover_secret.get_secret_value() or new_secret()
    readiness = Readiness()
    hub = Hub()
    launcher = Launcher(worker)
    recorded = Recorded(settings.data_dir / "phrases", settings.phrases_kept_mb, settings.phrases_kept_days)
    streams = Streams(
        settings,
        secret,
        lambda config, told, restarting: Supervisor(config, launcher, told, restarting, patience),
        hub,
        linger,
        recorded=recorded,
    )
    descriptions = Descriptions(settings, secret, streams, launcher.describe)
    restreaming = Restreaming(settings, secret, streams, launcher.restream)
    joining = Joining(settings, secret, streams, hub, launcher.join)
    told = (streams.signalled, joining.signalled, restreaming.signalled)
    sources = Sources(settings, secret, streams, told, launcher.intake)
    media = MediaApi(settings.media_host, settings.media_api_port, (API_USER, api_password(settings, secret)))
    watcher = Watcher(media, streams.seen)
    links = links_of(settings)
    client = httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=1.0)

    async def own_cell() -> cells.Cell:
        takes = (await media.check()).ok
        found = [
            views.Brief(
                name=each.publisher.name,
                ready=each.gone_at is None,
                dubs={language: dub.status for language, dub in sorted(each.dubs.items())},
            )
            for each in streams.all()
        ]
        return cells.told(settings, found, streams.workers, takes=takes, links_ended=links.ended)

    directory = cells.Directory(settings, own_cell, client, links)
    replicas = Replicas(settings.replicas, client)

    async def watch() -> None:
        # The media server asks this service whether its control API may answer, and makes one who is
        # refused wait: so not before this service listens.
        await listening(settings.local_host, settings.dubber_port, LISTENS_WITHIN)
        await watcher.run()

    async def take_over() -> None:
        try:
            async with asyncio.timeout(taken_over_within):
                await watcher.looked.wait()
                while not streams.carried:
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            pass
        except Exception:
            log.exception("taking over failed; ready all the same")
        readiness.ready, readiness.detail = True, ""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        launcher.warm_up()
        tasks = [
            asyncio.create_task(lasting("watcher", watch), name="watcher"),
            asyncio.create_task(take_over(), name="take over"),
            asyncio.create_task(lasting("feeds", partial(feeds.tell_streams, streams, hub)), name="feeds"),
            asyncio.create_task(lasting("speech hosts", streams.speech.run), name="speech hosts"),
            asyncio.create_task(lasting("other cells", directory.run), name="other cells"),
            asyncio.create_task(lasting("read replicas", replicas.run), name="read replicas"),
            asyncio.create_task(lasting("recorded phrases", recorded.run), name="recorded phrases"),
            asyncio.create_task(lasting("restreams", restreaming.run), name="restreams"),
            asyncio.create_task(lasting("descriptions", descriptions.run), name="descriptions"),
            asyncio.create_task(lasting("sources", sources.run), name="sources"),
            asyncio.create_task(lasting("joining", joining.run), name="joining"),
            asyncio.create_task(lasting("joined captions", joining.tell_captions), name="joined captions"),
            asyncio.create_task(lasting("joined streams' room", joining.keep_room), name="joined room"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await sources.close()
            await restreaming.close()
            await descriptions.close()
            await joining.close()
            await streams.close()
            launcher.close()
            await media.close()
            await client.aclose()

    speech_hosts = speech_health.SpeechHosts(client, lambda: streams.speech.hosts)

    def details() -> dict[str, Any]:
        return {"streams": len(streams.all()), "workers": streams.workers, "can_dub": speech_hosts.can_dub()}

    app = create_app(
        "dubber",
        settings,
        lifespan=lifespan,
        checks=lambda: {
            "media": media.check,
            "recorded phrases": recorded.check,
            "joined streams": joining.check,
            "speech pool": streams.speech.check,
            **speech_hosts.checks(),
            **replicas.checks(),
        },
        readiness=readiness,
        registry=metrics.registry(streams, restreaming.view),
        details=details,
        drain=streams.drain,
    )

    ask_for_keys(app, Gate(settings, "dubber", closed_by_api_keys=False), "/auth", "/hooks/", "/all/")
    api.install(app, streams, hub)
    app.include_router(recorded_api.router(recorded))
    app.include_router(restream_api.router(restreaming))
    app.include_router(sources_api.router(sources))
    viewers = Viewers(settings, secret, links)
    at_hand = joined_api.AtHand(settings, joining, Shelf(joining.root), replicas)
    onward = Onward(settings, directory, client, links)
    app.include_router(joined_api.router(settings, joining, viewers, at_hand, onward, Cdn(settings, links)))
    app.state.quick = Quick("/all/", joined_api.at_once(settings, viewers, at_hand), guarding.hosts(settings))
    app.include_router(description_api.router(descriptions))
    app.include_router(ingest_api.router(directory, own_cell))
    app.include_router(media_calls.router(settings, secret, watcher, links))
    return app


async def listening(host: str, port: int, within: float) -> None:
    """Waits until something listens there, or for `within` seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return
