"""`ContinuumChatModel`: a LangChain chat model whose answers are complete.

::

    from continuum.langchain import ContinuumChatModel
    from langchain_openai import ChatOpenAI

    model = ContinuumChatModel(model=ChatOpenAI(model="gpt-6-luna", max_tokens=1024))
    chain = prompt | model | StrOutputParser()

Chains, agents, streaming, tools and structured output work as with the model itself. Needs `continuum-llm[langchain]`.
"""

# No `from __future__ import annotations`: pydantic reads the annotations of the fields.

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Self

from continuum._core.errors import MissingDependencyError

try:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.messages.tool import tool_call_chunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from langchain_core.runnables import Runnable, RunnableBinding, RunnableParallel, RunnableSequence
except ImportError as error:
    raise MissingDependencyError(
        "continuum.langchain needs langchain-core: pip install 'continuum-llm[langchain]'"
    ) from error

from pydantic import ConfigDict, Field, InstanceOf, field_validator, model_validator

from continuum import _events
from continuum._api import new_run
from continuum._core.policy import Policy
from continuum._drivers import Piece, Run, adrive, drive
from continuum._outcome import result_or_sdk_error
from continuum._runtime import Runtime
from continuum.providers.base import NotCoveredError
from continuum.providers.langchain_chat import ChatModelClient, LangChainChat, quiet
from continuum.providers.langchain_message import beside_text, own_id

if TYPE_CHECKING:
    from continuum._core.types import Result


class ContinuumChatModel(BaseChatModel):
    """A chat model around another one that goes on asking until the answer is whole.

    The message has the whole text, the usage of all rounds, and at `response_metadata["continuum"]` the account:
    `complete`, `reason`, `rounds`, `elided`, `seams`, `cost`, and, if there are any, the `cut_tool_calls` of a
    `Result`, which are never among the message's.
    An answer that could not be completed has the finish reason that the bare model would have given, or is an
    `IncompleteError` if the policy says so. Other errors are those of the model's own SDK; what had come by then is at
    `continuum.result_of(error)`. Retries are continuum's; the model's own are switched off where that can be done.
    Callbacks and tracers see one call, however many rounds it takes.

    A request that ends on an AI message is passed on as it is: that is the caller's own prefill.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: BaseChatModel
    """The model that answers, such as `ChatOpenAI` or `ChatAnthropic`; it stays as it is."""
    policy: Policy = Field(default_factory=Policy)
    """Ceilings and choices of every run."""
    read_finish_reason: Callable[[AIMessage], str | None] | None = Field(default=None, exclude=True)
    """Reads the finish reason of a message, for a model whose `response_metadata` has it nowhere that is known."""
    runtime: InstanceOf[Runtime] | None = Field(default=None, exclude=True)
    """Clock, sleep and randomness; None: the real ones."""

    @field_validator("model")
    @classmethod
    def _not_twice(cls, model: BaseChatModel) -> BaseChatModel:
        if isinstance(model, ContinuumChatModel):
            raise ValueError("model is a ContinuumChatModel already; wrap the model itself")
        return model

    # -- what LangChain asks --------------------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        run = self._run(messages, stop, kwargs, is_async=False)
        if run is None:
            return self.model._generate(messages, stop=stop, run_manager=run_manager, **kwargs)
        for _ in drive(run):
            pass
        return _only(result_or_sdk_error(run).raw)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        run = self._run(messages, stop, kwargs, is_async=True)
        if run is None:
            return await self.model._agenerate(messages, stop=stop, run_manager=run_manager, **kwargs)
        async with aclosing(adrive(run)) as pieces:
            async for _ in pieces:
                pass
        return _only(result_or_sdk_error(run).raw)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        run = self._run(messages, stop, kwargs, is_async=False, chunks=True)
        if run is None:
            yield from self.model._stream(messages, stop=stop, run_manager=run_manager, **kwargs)
            return
        writer = _Writer()
        with closing(drive(run)) as pieces:  # type: ignore[type-var]  # a generator
            for piece in pieces:
                for chunk in writer.take(piece):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        yield writer.close(result_or_sdk_error(run))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        run = self._run(messages, stop, kwargs, is_async=True, chunks=True)
        if run is None:
            async for untouched in self.model._astream(messages, stop=stop, run_manager=run_manager, **kwargs):
                yield untouched
            return
        writer = _Writer()
        async with aclosing(adrive(run)) as pieces:
            async for piece in pieces:
                for chunk in writer.take(piece):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        yield writer.close(result_or_sdk_error(run))

    def _run(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        *,
        is_async: bool,
        chunks: bool = False,
    ) -> Run | None:
        """A run, or None if the request is not one that continuum covers."""
        client = ChatModelClient(quiet(self.model), messages, is_async, self.read_finish_reason)
        params = {name: value for name, value in kwargs.items() if name != "stream"}
        if stop is not None:
            params["stop"] = stop
        how: dict[str, Any] = {"is_async": is_async, "api": LangChainChat, "runtime": self.runtime, "chunks": chunks}
        try:
            return new_run(client, self.policy, params, **how)
        except NotCoveredError as error:
            _events.logger("").warning("passed_on", why=str(error))
            return None

    # -- tools and structured output, as the model itself does them ---------------------------------------------------

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Runnable[Any, AIMessage]:
        """The model's own `bind_tools`, with complete answers."""
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        bound: Runnable[Any, AIMessage] = self._in_place_of(self.model.bind_tools(tools, **kwargs))
        return bound

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Runnable[Any, Any]:
        """The model's own `with_structured_output`, with complete answers.

        An object that is cut is gone on with as text, and parsed when it is whole.
        """
        chain = self.model.with_structured_output(schema, include_raw=include_raw, **kwargs)
        complete: Runnable[Any, Any] = self._in_place_of(chain)
        return complete

    def _in_place_of(self, runnable: Any) -> Any:
        """The same runnable with this model where the inner one was."""
        if runnable is self.model:
            return self
        if isinstance(runnable, RunnableBinding):
            return runnable.model_copy(update={"bound": self._in_place_of(runnable.bound)})
        if isinstance(runnable, RunnableSequence):
            return RunnableSequence(*map(self._in_place_of, runnable.steps), name=runnable.name)
        if isinstance(runnable, RunnableParallel):
            return RunnableParallel({name: self._in_place_of(step) for name, step in runnable.steps__.items()})
        return runnable

    @model_validator(mode="after")
    def _as_the_model(self) -> Self:
        if self.output_version is None:
            self.output_version = self.model.output_version
        return self

    # -- what others want to know of the model -----------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "continuum"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model.dict(), "policy": self.policy.model_dump(exclude_unset=True)}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.model._get_ls_params(stop=stop, **kwargs)

    def _resolve_model_profile(self) -> Any:
        return getattr(self.model, "profile", None)

    def get_token_ids(self, text: str) -> list[int]:
        """As the model counts them."""
        return self.model.get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """As the model counts them."""
        return self.model.get_num_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """As the model counts them."""
        return self.model.get_num_tokens_from_messages(messages, tools)


def _only(message: Any) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


class _Writer:
    """Makes the chunks of one stream: reasoning of the first round as it comes, text as it is released, the rest last.

    Text is a plain string, or a block if the model sends blocks.
    """

    def __init__(self) -> None:
        self._id: str | None = None
        self._index: Any = None  # of the text block
        self._blocks = False

    def take(self, piece: Piece) -> Iterator[ChatGenerationChunk]:
        """Chunks for what has happened."""
        arrived: Any = piece.chunk
        if isinstance(arrived, AIMessageChunk) and piece.round == 1:
            self._id = self._id or own_id(arrived.id)
            self._look(arrived)
            beside = beside_text(arrived)
            if beside is not None:
                yield ChatGenerationChunk(message=beside)
        if piece.text:
            content: Any = piece.text
            if self._blocks:
                content = [{"type": "text", "text": piece.text, "index": self._index}]
            yield ChatGenerationChunk(message=AIMessageChunk(content=content, id=self._id))

    def _look(self, chunk: AIMessageChunk) -> None:
        for part in chunk.content if isinstance(chunk.content, list) else ():
            if isinstance(part, dict) and part.get("type") == "text" and not self._blocks:
                self._blocks, self._index = True, part.get("index", 0)

    def close(self, result: "Result") -> ChatGenerationChunk:
        """The last chunk: tool calls, usage, the account."""
        whole: AIMessage = result.raw
        calls = [
            tool_call_chunk(name=call["name"], args=_json(call["args"]), id=call["id"], index=index)
            for index, call in enumerate(whole.tool_calls)
        ]
        extra = {name: value for name, value in whole.additional_kwargs.items() if name != "reasoning_content"}
        last = AIMessageChunk(
            content="",
            additional_kwargs=extra,
            response_metadata=whole.response_metadata,
            usage_metadata=whole.usage_metadata,
            tool_call_chunks=calls,
            chunk_position="last",
            id=self._id or whole.id,
        )
        return ChatGenerationChunk(message=last, generation_info={})


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


__all__ = ["ContinuumChatModel"]
