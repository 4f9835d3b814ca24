"""A FastAPI application of fourteen routes whose CPU is known."""

import asyncio
import functools

from fastapi import BackgroundTasks, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from tests.meter.burn.truth import Truth

ROUTES = (
    "/direct",
    "/long",
    "/yields",
    "/sleep",
    "/longpoll",
    "/def",
    "/to_thread",
    "/threadpool",
    "/executor",
    "/gather",
    "/group",
    "/background",
    "/stream",
    "/later",
)


def built(truth: Truth, unit_ms: float) -> FastAPI:
    """Return the application; `unit_ms` of CPU is what its smallest route burns."""
    app = FastAPI(title="burn", openapi_url=None)
    _direct(app, truth, unit_ms)
    _threads(app, truth, unit_ms)
    _tasks(app, truth, unit_ms)
    return app


def _direct(app, truth, unit_ms):
    @app.get("/direct")
    async def direct():
        truth.burn("/direct", unit_ms)
        return "direct"

    @app.get("/long")
    async def long():
        truth.burn("/long", 4 * unit_ms)
        return "long"

    @app.get("/yields")
    async def yields():
        for _ in range(8):
            truth.burn("/yields", unit_ms / 4)
            await asyncio.sleep(0)
        return "yields"

    @app.get("/sleep")
    async def sleep():
        await asyncio.sleep(0.05)
        return "sleep"

    @app.get("/longpoll")
    async def longpoll():
        await asyncio.sleep(0.1)
        return "longpoll"

    @app.get("/stream")
    async def stream():
        async def chunks():
            for _ in range(4):
                truth.burn("/stream", unit_ms / 2)
                yield b"chunk"
                await asyncio.sleep(0.001)

        return StreamingResponse(chunks())


def _threads(app, truth, unit_ms):
    @app.get("/def")
    def plain():
        truth.burn("/def", unit_ms)
        return "def"

    @app.get("/to_thread")
    async def to_thread():
        await asyncio.to_thread(truth.burn, "/to_thread", 2 * unit_ms)
        return "to_thread"

    @app.get("/threadpool")
    async def threadpool():
        await run_in_threadpool(truth.digest, "/threadpool", 2 * unit_ms)
        return "threadpool"

    @app.get("/executor")
    async def executor():
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, functools.partial(truth.burn, "/executor", unit_ms))
        return "executor"


def _tasks(app: FastAPI, truth, unit_ms):
    async def burn(route):
        truth.burn(route, unit_ms / 2)
        await asyncio.sleep(0)
        truth.burn(route, unit_ms / 2)

    @app.get("/gather")
    async def gather():
        await asyncio.gather(burn("/gather"), burn("/gather"))
        return "gather"

    @app.get("/group")
    async def group():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(burn("/group"))
            tasks.create_task(burn("/group"))
        return "group"

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(burn, "/background")
        tasks.add_task(truth.burn, "/background", unit_ms)
        return "background"

    running = set()

    @app.get("/later")
    async def later():
        task = asyncio.get_running_loop().create_task(burn("/later"))
        running.add(task)
        task.add_done_callback(running.discard)
        return "later"
