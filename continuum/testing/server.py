"""The simulated provider: a real server on the loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from continuum.testing.batches import BatchSpec
from continuum.testing.connection import Connection, Site
from continuum.testing.engine import Engine, Options, Prefill
from continuum.testing.manners import manners_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from continuum.testing.behaviours import Plan
    from continuum.testing.chat import RequestInfo
    from continuum.testing.limits import RateLimitSpec

_START_TIMEOUT = 10.0


class SimulatedProvider:
    """A provider on the loopback that speaks OpenAI Chat Completions and Responses, Anthropic Messages and Gemini.

    It holds documents and "writes" them: an answer begins with the document that the prompt names as `[doc:NAME]` (or
    the first one), is cut at the cap, and goes on where the assistant turns of the next request end.

    Args:
        documents: name to text, or one text.
        behaviours: how to answer the continuations of each conversation, one entry for each round; good behaviour
            after the end of the list. Entries pinned to round 0 shape the first answer. Or a function.
        faults: what happens to the requests, one entry for each in the order of arrival. Or a function.
        prefill: what a request that ends on an assistant turn gets: `refuse` (400), `continue` (goes on in place),
            `echo` (goes on and repeats the turn in front), `echo_unary` (the same, only when not streaming),
            `new_turn` (closes the turn and begins the answer again).
        prefill_field: the field that must be set, on the message or in the body, to go on in place: `prefix`,
            `partial`, `continue_final_message`. Without it: 400.
        dialect: the server to act like, one of `continuum.testing.manners.MANNERS`, such as `mistral` or `vllm`: what
            it does with a trailing assistant turn and with unknown fields, its refusals, its finish reasons. In place
            of `prefill` and `prefill_field`; Chat Completions only.
        rate_limit: real limits, with the provider's headers and a 429 that tells the true wait.
        chunk_tokens: tokens in each event of a stream.
        delay: seconds from one event to the next; an answer that is not streamed takes as long as all its events.
        first_delay: seconds before the first byte of an answer.
        max_output_tokens: the most that the model can write in one answer; a higher cap is refused.
        context_window: tokens of prompt and answer together.
        prompt_cache: tokens of the shortest prompt that the prompt cache keeps (Anthropic: if the request says
            `cache_control`). None: there is no cache.
        background_polls: how often a background response is still in progress when it is retrieved.
        seal_reasoning: whether reasoning of the Responses API comes with `encrypted_content`.
        models: the names that the list of models shows. Any name is answered.
        headers: more headers for every response.
        record: whether to keep the requests in `requests`; switch it off for large benchmarks.
        port: the port to listen on; 0 picks a free one.
        batches: how the batch endpoints behave, see `BatchSpec`; None: every batch is over when it is first asked for.

    Raises:
        ValueError: there is no document, an option is out of range, or a behaviour cannot be read.
        OSError: the port is not free (raised by `start`).
    """

    def __init__(
        self,
        documents: Mapping[str, str] | str,
        *,
        behaviours: Plan = (),
        faults: Plan = (),
        prefill: Prefill = "refuse",
        prefill_field: str | None = None,
        dialect: str | None = None,
        rate_limit: RateLimitSpec | None = None,
        chunk_tokens: int = 1,
        delay: float = 0.0,
        first_delay: float = 0.0,
        max_output_tokens: int | None = None,
        context_window: int | None = None,
        prompt_cache: int | None = None,
        background_polls: int = 2,
        seal_reasoning: bool = True,
        models: Sequence[str] = ("simulated",),
        headers: Mapping[str, str] | None = None,
        record: bool = True,
        port: int = 0,
        batches: BatchSpec | None = None,
    ) -> None:
        held = {"document": documents} if isinstance(documents, str) else dict(documents)
        if not held:
            raise ValueError("the simulated provider needs at least one document")
        if chunk_tokens < 1 or delay < 0 or first_delay < 0:
            raise ValueError(
                f"chunk_tokens must be 1 or more, delays 0 or more: {chunk_tokens!r}, {delay!r}, {first_delay!r}"
            )
        options = Options(
            documents=held,
            prefill=prefill,
            prefill_field=prefill_field,
            manners=manners_of(dialect),
            rate_limit=rate_limit,
            chunk_tokens=chunk_tokens,
            delay=delay,
            first_delay=first_delay,
            max_output_tokens=max_output_tokens,
            context_window=context_window,
            prompt_cache=prompt_cache,
            background_polls=background_polls,
            seal_reasoning=seal_reasoning,
            models=tuple(models),
            headers=dict(headers or {}),
            record=record,
            batches=batches or BatchSpec(),
        )
        self._site = Site(Engine(options, behaviours, faults))
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None

    @property
    def documents(self) -> Mapping[str, str]:
        """The documents by name."""
        return self._site.engine.options.documents

    @property
    def base_url(self) -> str:
        """The root of the server, as `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_base_url(self) -> str:
        """For `OpenAI(base_url=…)`."""
        return f"{self.base_url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """For `Anthropic(base_url=…)`."""
        return self.base_url

    @property
    def gemini_base_url(self) -> str:
        """For `genai.Client(http_options={"base_url": …})`."""
        return self.base_url

    @property
    def requests(self) -> list[RequestInfo]:
        """What was asked so far, in the order of arrival."""
        return self._site.engine.requests

    @property
    def statuses(self) -> dict[int, int]:
        """How many responses each HTTP status had; 0 stands for a connection closed without a response."""
        return dict(self._site.engine.statuses)

    @property
    def open_connections(self) -> int:
        """TCP connections that are open now."""
        return len(self._site.connections)

    @property
    def active_requests(self) -> int:
        """Requests that are being answered now."""
        return self._site.active

    def wait_idle(self, timeout: float = 2.0, *, connections: int | None = None) -> bool:
        """Waits until no request is active and, if given, at most `connections` are open. False if it took too long."""
        end = time.monotonic() + timeout
        while self._site.active or (connections is not None and len(self._site.connections) > connections):
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def plan(self, *, behaviours: Plan | None = None, faults: Plan | None = None) -> None:
        """Puts new lists in place of the old ones and begins them; None keeps a list.

        Raises:
            ValueError: an entry cannot be read.
        """
        self._on_loop(lambda: self._site.engine.plan(behaviours, faults))

    def reset(self) -> None:
        """Forgets all requests and conversations, begins the lists again and fills the rate limit."""
        self._on_loop(self._site.engine.reset)

    def start(self) -> Self:
        """Starts the server and returns it.

        Raises:
            RuntimeError: it runs already.
            OSError: the port is not free.
        """
        if self._thread is not None:
            raise RuntimeError("this simulated provider runs already; stop it first or make another one")
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="simulated-provider", daemon=True)
        self._thread.start()
        ready.wait(_START_TIMEOUT)
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure
        return self

    def stop(self) -> None:
        """Closes every connection at once and ends the thread. Does nothing if the server does not run."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None:
            return
        if loop is not None and stopping is not None:
            loop.call_soon_threadsafe(stopping.set)
        thread.join()
        self._thread = self._loop = self._stopping = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _on_loop(self, action: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            action()
            return

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), loop).result()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        server = await loop.create_server(lambda: Connection(self._site), "127.0.0.1", self._port, backlog=4096)
        self._port = server.sockets[0].getsockname()[1]
        self._loop, self._stopping = loop, stopping
        ready.set()
        await stopping.wait()
        server.close()
        tasks = [connection.abort() for connection in list(self._site.connections)]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # lets the transports close their sockets
