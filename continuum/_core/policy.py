"""What the caller allows: ceilings, strategy, retries. One frozen value for a whole run."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from continuum._core.dialect import Dialect  # noqa: TC001  # pydantic reads the annotations


class Policy(BaseModel):
    """Ceilings and choices of one run. Frozen; unknown fields and contradictions are errors.

    The defaults end every run: at most 16 rounds, 200,000 output tokens, 10 US dollars (where the price of the model
    is known) and half an hour.

    Raises:
        pydantic.ValidationError: (a `ValueError`) if a value is out of range or two values contradict each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    strategy: Literal["auto", "in_place", "user_turn"] = "auto"
    """How to ask for more. `auto`: in place (prefill) where the server is known to do it, else a user turn."""
    dialect: str | Dialect | None = None
    """Name of the server's row in the capability table (`vllm`, `llama.cpp`, ...), or a `Dialect` of your own for a
    server that it does not know; None: found by itself."""
    cut_back: Literal["sentence", "word"] = "sentence"
    """Where the text shown to the model in a user turn ends. `sentence`: the unfinished sentence, line or item is set
    aside and may be replaced by the reply; a stream that nears its cap then runs behind by that much (at most about
    240 characters). `word`: only an unfinished word is set aside, and a stream never runs behind."""
    anchor: bool = True
    """Ask the model to begin its reply with the last words so far, which makes the join a verified fact."""

    history: Literal["window", "whole"] = "window"
    """What the model is shown when prompt and text no longer fit into its context window, as far as that is known.
    `window`: the prompt and the end of the text; the middle is left out, which the model is told, and `Result.elided`
    says how much. `whole`: nothing less than all of it, so the run stops as `context_window`."""

    max_rounds: int = Field(default=16, ge=1)
    """Replies paid for, the first one included."""
    max_output_tokens: int | None = Field(default=200_000, ge=1)
    """Output tokens over all rounds; the last round's cap is lowered to fit. A server that ignores that is cut off, but
    not to the token: in a stream they can only be guessed, so it may have sent some three times as much by then."""
    max_cost: float | None = Field(default=10.0, gt=0)
    """US dollars over all rounds. Checked before each continuation for its worst case (all of its cap used). The
    first request is always sent. A reply in flight is cut off as for `max_output_tokens`. No effect where the price of
    the model is not known."""
    deadline: float | None = Field(default=1800.0, gt=0)
    """Seconds from the start after which nothing more is sent, and no reply waited for, keep-alives or not. On a sync
    client a silence that has begun before may be waited out, for as long as was left when the request was sent."""
    max_no_progress: int = Field(default=2, ge=1)
    """Replies in a row that may add nothing before the run stops."""
    max_rechecks: int = Field(default=1, ge=0)
    """How often a `stop` is questioned that came in reply to a user turn and adds nothing, or leaves a code fence,
    JSON or a sentence open; also one without the `end_marker`, and a first one as `check_endings` says."""
    reask: int = Field(default=2, ge=0)
    """How many joins of a run that are in doubt (a gap, or two readings) may be settled by asking for the same again,
    to begin with more of the last words; each once, and none after one that this did not settle. If the second reply
    begins with what is there it counts, else the first does; the other one is on the bill, and in `Seam.removed`.
    A stream holds such a reply back. In user-turn mode only."""
    check_endings: bool = True
    """Judge by evidence whether an ending is what the provider says. A `stop` is questioned if all tokens of the cap
    are used, or a first reply leaves a code fence or JSON open; a `length` whose continuations bring nothing new is
    the end if the text ends as whole ones do. The evidence is on the segment. False: believe the first reply and every
    `length`."""
    end_marker: str | None = Field(default=None, min_length=3)
    """Ask the model, in the last message, to close the whole answer with this text, which is stripped. A `stop`
    without it is questioned, and a reply that has it is complete whatever the provider says. Choose something that
    the answer cannot contain, such as `<END-OF-ANSWER>`."""
    max_interruptions: int = Field(default=5, ge=0)
    """Streams in a row that may break off before the run stops."""
    max_repetition: int | None = Field(default=1200, ge=400)
    """Characters at the cut that only repeat the same passage (four times or more) before the run stops; None: off."""
    raise_cap_to: int | None = Field(default=None, ge=1)
    """If nothing visible fitted into the cap (reasoning took it, or a tool call was cut), ask once more with this cap.
    None: a cap that you wrote is kept; one that you left to the server is raised to what the model can write, where
    that is known."""
    lower_effort: bool = True
    """If reasoning took the whole cap and the cap cannot be raised, ask once more with less reasoning effort, where
    the provider has such a setting. False: stop as `reasoning_exhausted`."""

    max_retries: int = Field(default=6, ge=0)
    """Repeats of one request that failed before any text came, counted after the first try."""
    retry_initial: float = Field(default=0.5, gt=0)
    """Seconds before the first repeat, where the server does not say; doubled each time, with jitter."""
    retry_max: float = Field(default=30.0, gt=0)
    """Longest such pause in seconds."""
    max_retry_after: float = Field(default=300.0, ge=0)
    """Longest pause in seconds that a server may ask for; a longer one ends the run instead."""
    read_timeout: float | None = Field(default=180.0, gt=0)
    """Seconds of silence after which a stream counts as stalled, is cut and continued; None: the client's own. What you
    write here counts for more than a `timeout` of the client, that for more than the default, and one of the request
    for most. A keep-alive is no silence: the server says that it is at work, and only the deadline ends that."""

    prompt_cache: bool = True
    """Have Anthropic keep the prompt and the text so far in its prompt cache from the first continuation on, so that
    the rounds after it read them for a tenth of the price. Writing costs a quarter more, so a run of exactly two rounds
    pays a little for nothing. A `cache_control` of your own stands as you wrote it. OpenAI caches by itself."""
    stream: bool = True
    """Stream from the provider, so that a dropped connection loses nothing. False: unary requests, as they are sent to
    a server that refuses to stream the model, unless a stream is what you asked for."""
    on_incomplete: Literal["return", "raise"] = "return"
    """What to do with an answer that stayed incomplete."""
    log_text: bool = False
    """Put message text into log events, and what providers say of an error, which may quote it. Off, so that logs never
    hold what users wrote."""

    @model_validator(mode="after")
    def _no_contradictions(self) -> Self:
        if self.end_marker is not None and self.end_marker != self.end_marker.strip():
            raise ValueError(f"end_marker={self.end_marker!r} begins or ends with white space; models do not keep that")
        if self.retry_initial > self.retry_max:
            raise ValueError(
                f"retry_initial={self.retry_initial!r} is longer than retry_max={self.retry_max!r}; "
                "raise retry_max or lower retry_initial"
            )
        total = self.max_output_tokens
        if self.raise_cap_to is not None and total is not None and self.raise_cap_to > total:
            raise ValueError(
                f"raise_cap_to={self.raise_cap_to!r} is more than max_output_tokens={total!r} "
                "allows for the whole run; raise max_output_tokens or lower raise_cap_to"
            )
        own = self.dialect
        if self.strategy == "user_turn" and own is not None and (isinstance(own, str) or own.in_place):
            raise ValueError(
                f"dialect={own!r} says how to continue in place, but strategy='user_turn' never does; "
                "leave one of the two out"
            )
        return self
