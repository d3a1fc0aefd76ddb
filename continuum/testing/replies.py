"""The simulated model: makes a reply out of a document, a position, a behaviour and a cap."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from continuum.testing.chat import Reply, ToolCall
from continuum.testing.tokens import LONGEST, count_tokens, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum.testing.alignment import Position
    from continuum.testing.behaviours import Behaviour

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”»)]*\s+|(?<=[。！？])|\n+")
_ENDLESS = 4096
_DEFAULT_PREAMBLE = "Sure! Here is the rest of the text:\n\n"
_DEFAULT_ARGUMENTS = '{"query": "the history of the lighthouse", "limit": 10, "language": "en"}'


@dataclass(frozen=True, slots=True)
class Task:
    """What to answer.

    Attributes:
        text: the document.
        position: where the request stands in it.
        cap: the most tokens, None for no limit.
        room: how many tokens the context window has left, None for no limit.
        stop: the caller's stop sequences.
        chunk_tokens: tokens per event.
        repeats_prefix: the assistant turn at the end of the request, if the reply repeats it in front.
    """

    text: str
    position: Position
    cap: int | None = None
    room: int | None = None
    stop: tuple[str, ...] = ()
    chunk_tokens: int = 1
    repeats_prefix: str = ""

    @property
    def start(self) -> int:
        return self.position.offset

    @property
    def limit(self) -> int | None:
        """The most tokens of this reply."""
        return min((limit for limit in (self.cap, self.room) if limit is not None), default=None)


def make_reply(task: Task, behaviour: Behaviour) -> Reply:
    """The reply to a task in the way that the behaviour says."""
    special = _SPECIAL.get(behaviour.kind)
    reply = special(task, behaviour) if special else _write(task, _text(task, behaviour))
    if task.repeats_prefix:
        # The prefix comes with the first event, as llama.cpp sends it; its tokens are not counted as output.
        first, *rest = reply.pieces or ("",)
        reply = replace(reply, pieces=(task.repeats_prefix + first, *rest))
    return reply


def _write(task: Task, text: str, *, limit: int | None = None, finish: str = "stop") -> Reply:
    """Writes the text up to the limit, a stop sequence, or its end."""
    limit = task.limit if limit is None else limit
    if limit is not None:
        text = text[: (limit + 1) * LONGEST]
    stopped = None
    found = [(text.find(sequence), sequence) for sequence in task.stop if sequence and sequence in text]
    if found:
        end, stopped = min(found)
        text = text[:end]
    tokens = tokenize(text, None if limit is None else limit + 1)
    if limit is not None and len(tokens) > limit:
        tokens, stopped = tokens[:limit], None
        finish = "context_window" if limit == task.room and limit != task.cap else "length"
    elif stopped is not None:
        finish = "stop_sequence"
    return Reply(_chunks(tokens, task.chunk_tokens), finish, len(tokens), stop_sequence=stopped)


def _chunks(tokens: list[str], size: int) -> tuple[str, ...]:
    if size == 1:
        return tuple(tokens)
    return tuple("".join(tokens[start : start + size]) for start in range(0, len(tokens), size))


def _text(task: Task, behaviour: Behaviour) -> str:
    """All that the model would say if there was no limit."""
    position, text, anchor = task.position, task.text, task.position.anchor
    shaper = _SHAPES.get(behaviour.kind)
    if shaper:
        return shaper(task, behaviour)
    if anchor and behaviour.kind != "no_anchor":
        lead = _mangled(anchor, behaviour.text or "wrapped") if behaviour.kind == "mangled_anchor" else anchor
        rest = lead + text[position.after_anchor :]
    else:
        rest = text[task.start :]
    if behaviour.kind == "preamble":
        return (_DEFAULT_PREAMBLE if behaviour.text is None else behaviour.text) + rest
    if behaviour.kind == "reopen_fence":
        return _fence_line(text, task.start) + rest
    return rest


def _mangled(anchor: str, how: str) -> str:
    if how == "typography":
        curly = re.sub(r'"(?=\w)', "“", anchor).replace('"', "”")
        return curly.replace("'", "’").replace(" - ", " — ").replace("--", "—")
    if how == "space":
        return " ".join(anchor.split())
    return f'"{anchor}"'


def _fence_line(text: str, start: int) -> str:
    """The line that opens the fence in which `start` stands, or one for Markdown if it stands in none."""
    opening = ""
    for match in re.finditer(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n", text[:start], re.M):
        opening = "" if opening else match.group()
    return opening or "```markdown\n"


def _overlap(task: Task, behaviour: Behaviour) -> str:
    shown = task.position.shown
    amount = 40 if behaviour.amount is None else behaviour.amount
    if behaviour.unit == "words":
        words = list(re.finditer(r"\S+", shown))[-amount:] if amount else []
        repeated = shown[words[0].start() :] if words else ""
    else:
        repeated = shown[-amount:] if amount else ""
    return repeated + task.text[task.start :]


def _restart(task: Task, behaviour: Behaviour) -> str:
    text, start = task.text, task.start
    if behaviour.unit == "document":
        return text
    mark = "\n\n" if behaviour.unit == "paragraph" else "\n"
    found = text.rfind(mark, 0, start)
    return text[found + len(mark) if found >= 0 else 0 :]


def _drop_clause(task: Task, _: Behaviour) -> str:
    ends = [match.end() for match in _SENTENCE_END.finditer(task.text)]
    if task.start == 0 or task.start in ends:
        return task.text[task.start :]
    return task.text[next((end for end in ends if end > task.start), len(task.text)) :]


def _last_sentence(text: str, start: int) -> str:
    bounds = [0, *(match.end() for match in _SENTENCE_END.finditer(text))]
    sentences = [text[left:right] for left, right in zip(bounds, [*bounds[1:], len(text)], strict=True)]
    at, best = 0, sentences[0]
    for sentence in sentences:
        at += len(sentence)
        if at > start and start:
            break
        if sentence.strip():
            best = sentence
        if not start:
            break
    return best if best[-1:].isspace() else best + " "


def _repetition(task: Task, _: Behaviour) -> Reply:
    sentence = _last_sentence(task.text, task.start)
    limit = _ENDLESS if task.limit is None else task.limit
    return _write(task, sentence * (limit // max(1, count_tokens(sentence)) + 2), limit=limit)


def _empty(_: Task, __: Behaviour) -> Reply:
    return Reply((), "stop", 0)


def _reasoning(task: Task, behaviour: Behaviour) -> Reply:
    spent = 32 if behaviour.amount is None else behaviour.amount
    if task.limit is not None and spent >= task.limit:
        return _reasoning_only(task, behaviour)
    rest = replace(
        task,
        cap=None if task.cap is None else task.cap - spent,
        room=None if task.room is None else task.room - spent,
    )
    reply = _write(rest, _text(rest, behaviour))
    thoughts = tuple(tokenize(behaviour.text)) if behaviour.text else ()
    return replace(reply, output_tokens=reply.output_tokens + spent, reasoning_tokens=spent, reasoning=thoughts)


def _reasoning_only(task: Task, behaviour: Behaviour) -> Reply:
    spent = task.limit if task.limit is not None else 256
    thoughts = tuple(tokenize(behaviour.text, spent)) if behaviour.text else ()
    return Reply((), "length", spent, reasoning_tokens=spent, reasoning=thoughts)


def _cut_early(finish: str) -> Callable[[Task, Behaviour], Reply]:
    def cut(task: Task, behaviour: Behaviour) -> Reply:
        text = _text(task, behaviour)
        amount = behaviour.amount
        if amount is None:
            whole = _write(task, text).output_tokens
            amount = max(1, whole // 2)
        limit = amount if task.limit is None else min(amount, task.limit)
        reply = _write(task, text, limit=limit)
        return reply if reply.finish == "stop" else replace(reply, finish=finish)

    return cut


def _length_at_end(task: Task, behaviour: Behaviour) -> Reply:
    return _write(task, _text(task, behaviour), finish="length")


def _refusal(task: Task, behaviour: Behaviour) -> Reply:
    said = _write(task, _text(task, behaviour), limit=behaviour.amount or 0)
    if behaviour.text is not None:
        tokens = said.output_tokens + count_tokens(behaviour.text)
        return replace(said, finish="refusal", refusal=behaviour.text, output_tokens=tokens)
    return replace(said, finish="content_filter")


def _tool_call(task: Task, behaviour: Behaviour) -> Reply:
    tokens = tokenize(_DEFAULT_ARGUMENTS if behaviour.text is None else behaviour.text)
    finish = "tool_calls"
    if behaviour.kind == "cut_tool_call":
        tokens, finish = tokens[: max(1, len(tokens) // 2)], "length"
    if task.limit is not None and len(tokens) > task.limit:
        tokens, finish = tokens[: task.limit], "length"
    return Reply((), finish, len(tokens), tool=ToolCall("search", _chunks(tokens, task.chunk_tokens)))


def _unknown_finish(task: Task, behaviour: Behaviour) -> Reply:
    reply = _write(task, _text(task, behaviour))
    return replace(reply, finish="other", finish_word=behaviour.text or "eos")


_SHAPES: dict[str, Callable[[Task, Behaviour], str]] = {
    "overlap": _overlap,
    "restart": _restart,
    "drop_clause": _drop_clause,
}

_SPECIAL: dict[str, Callable[[Task, Behaviour], Reply]] = {
    "empty": _empty,
    "repetition": _repetition,
    "reasoning": _reasoning,
    "reasoning_only": _reasoning_only,
    "early_stop": _cut_early("stop"),
    "context_window": _cut_early("context_window"),
    "pause_turn": _cut_early("pause_turn"),
    "length_at_end": _length_at_end,
    "refusal": _refusal,
    "tool_call": _tool_call,
    "cut_tool_call": _tool_call,
    "unknown_finish": _unknown_finish,
}
