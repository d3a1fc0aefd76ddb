"""The parts of the simulated provider that need no socket: tokens, alignment, schedules, limits, the fake clock."""

from __future__ import annotations

import json

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum.testing import Behaviour, FakeClock, RateLimitSpec, RequestInfo, count_tokens, sample_documents, tokenize
from continuum.testing.alignment import align, assemble, find_anchor
from continuum.testing.behaviours import ANSWERS, FAULTS, Schedule
from continuum.testing.chat import Turn
from continuum.testing.engine import Engine, Options
from continuum.testing.limits import RateLimiter
from continuum.testing.tokens import LONGEST

DOCUMENTS = sample_documents()


def info(round: int = 1, conversation: str = "c", prompt: str = "prompt") -> RequestInfo:
    return RequestInfo(1, "/", {}, {}, 0.0, conversation=conversation, round=round, prompt=prompt)


@given(st.text(max_size=300), st.integers(0, 50))
def test_tokens_rebuild_the_text(text: str, limit: int) -> None:
    """The tokens joined are the text, none is longer than stated, and a limit takes the first ones."""
    tokens = tokenize(text)
    assert "".join(tokens) == text
    assert all(len(token) <= LONGEST for token in tokens)
    assert tokenize(text, limit) == tokens[:limit]
    assert count_tokens(text) == len(tokens)


def test_tokens_cut_inside_words_and_numbers() -> None:
    """A cut can fall inside a word, a number and an emoji of several code points."""
    assert tokenize("lighthouses 19604 海边 👩‍🚀") == [
        "ligh",
        "thou",
        "ses",
        " 1960",
        "4",
        " ",
        "海",
        "边",
        " 👩",
        "\u200d",
        "🚀",
    ]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_samples_are_long_and_the_same_every_time(name: str) -> None:
    """The sample documents are deterministic and long enough to be cut many times."""
    assert DOCUMENTS[name] == sample_documents()[name]
    assert count_tokens(DOCUMENTS[name]) > 500


@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_a_prefix_is_found_exactly(name: str, data: st.DataObject) -> None:
    """A text shown that is a prefix of the document ends where the prefix ends, repeats or not."""
    document = DOCUMENTS[name]
    cut = data.draw(st.integers(0, len(document)))
    assert align(document[:cut], document)[1] == cut


@given(st.integers(200, 3000), st.integers(1, 150))
def test_a_shown_text_with_a_bad_join_is_found_by_its_end(cut: int, repeated: int) -> None:
    """A text whose middle is damaged is placed by its last eighty characters."""
    document = DOCUMENTS["essay"]
    shown = document[: cut - 100] + document[max(0, cut - 100 - repeated) : cut]
    assert align(shown, document)[1] == cut


def test_a_text_that_is_not_in_the_document_begins_it() -> None:
    """Nothing in common with the document: the answer begins at its start."""
    assert align("Quite another text, with nothing in it.", DOCUMENTS["chinese"])[1] == 0


def answer_of(engine: Engine, messages: list[dict[str, str]], cap: int) -> str:
    body = json.dumps({"model": "m", "messages": messages, "max_tokens": cap}).encode()
    outcome = engine.handle("POST", "/v1/chat/completions", {}, body)
    text = json.loads(outcome.body)["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


@given(st.sampled_from(sorted(DOCUMENTS)), st.integers(1, 60), st.data())
def test_any_cut_is_continued_exactly_with_and_without_an_anchor(name: str, cap: int, data: st.DataObject) -> None:
    """Wherever the shown text ends, the reply goes on there, and begins with the anchor if one is asked for."""
    document, engine = DOCUMENTS[name], Engine(Options(DOCUMENTS), (), ())
    cut = data.draw(st.integers(1, len(document)))
    anchor = document[max(0, cut - data.draw(st.integers(8, 120))) : cut]
    shown = [{"role": "user", "content": f"[doc:{name}]"}, {"role": "assistant", "content": document[:cut]}]
    plain = answer_of(engine, [*shown, {"role": "user", "content": "Go on."}], cap)
    assert plain == "".join(tokenize(document[cut:], cap))
    request = f'Begin your reply with exactly these words: "{anchor}" and then go on.'
    anchored = answer_of(engine, [*shown, {"role": "user", "content": request}], cap)
    assert anchored == "".join(tokenize(anchor + document[cut:], cap))


@given(st.sampled_from(sorted(DOCUMENTS)), st.integers(80, 300), st.integers(20, 60))
@settings(max_examples=25)
def test_a_growing_history_of_anchored_turns_is_followed(name: str, cap: int, width: int) -> None:
    """With one assistant turn for each reply, each begun with its anchor, the document comes out whole."""
    document, engine = DOCUMENTS[name], Engine(Options(DOCUMENTS), (), ())
    messages = [{"role": "user", "content": f"[doc:{name}]"}]
    text, anchor = "", ""
    while text != document:
        reply = answer_of(engine, messages, cap)
        assert reply.startswith(anchor)
        text += reply[len(anchor) :]
        assert document.startswith(text)
        anchor = text[-width:]
        request = f'Begin your reply with exactly these words:\n"{anchor}"'
        messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": request}]


SHOWN = 'He said: "the tide is in no hurry, and "nobody" waits'


@pytest.mark.parametrize(
    ("instruction", "anchor"),
    [
        ('Begin your reply with exactly these words: "and "nobody" waits"', 'and "nobody" waits'),
        ('You were cut off.\nBEGIN YOUR REPLY WITH EXACTLY THESE WORDS:\n"no hurry, and "nobody" waits"\nGo on.', None),
        ('Start with “"nobody" waits” and go on.', '"nobody" waits'),
        ('Please start your answer with\n\nin no hurry, and "nobody" waits\n\nand then go on.', None),
        ('Begin your reply with these words.\n> no hurry, and "nobody" waits\n\nThank you', None),
        ('Your reply ended with "and "nobody" waits". Continue from where you left off.', ""),
        ("Please continue from where you left off.", ""),
        ('Begin your reply with "words that are not there".', ""),
    ],
)
def test_an_anchor_is_found_in_many_wordings(instruction: str, anchor: str | None) -> None:
    """The quoted end of the text is found where the instruction asks to begin with it, and only there."""
    found, end = find_anchor(instruction, SHOWN)
    if anchor is None:
        assert found.endswith('hurry, and "nobody" waits')
    else:
        assert found == anchor
    assert SHOWN[:end].endswith(found)


def test_an_anchor_before_white_space_is_found() -> None:
    """White space at the end of the shown text does not hide the anchor, and the end of the anchor is told."""
    assert find_anchor('Begin with "the end."', "This is the end.\n\n") == ("the end.", 16)


def test_assistant_turns_are_joined_at_their_anchors() -> None:
    """A later assistant turn that begins with the anchor of the user turn before it does not show it twice."""
    turns = [
        Turn("user", "Write.", {}),
        Turn("assistant", "One two three\n", {}),
        Turn("user", 'Begin your reply with "two three"', {}),
        Turn("assistant", "two three\nfour five", {}),
        Turn("user", 'Begin your reply with "four five"', {}),
    ]
    assert assemble(turns) == ("One two three\nfour five", "four five", 23)


@pytest.mark.parametrize(
    ("short", "behaviour"),
    [
        ("exact", Behaviour("exact")),
        ("overlap:12", Behaviour("overlap", amount=12)),
        ("restart:paragraph@2", Behaviour("restart", unit="paragraph", round=2)),
        ("preamble:Sure: here", Behaviour("preamble", text="Sure: here")),
        ("unknown_finish:eos", Behaviour("unknown_finish", text="eos")),
        ("refusal:I cannot", Behaviour("refusal", text="I cannot")),
        ("refusal:7", Behaviour("refusal", amount=7)),
        ("429:0.5", Behaviour("429", seconds=0.5)),
        ("status:503", Behaviour("status", status=503)),
        ("drop:4@1", Behaviour("drop", amount=4, round=1)),
        ("error_event:openrouter", Behaviour("error_event", text="openrouter")),
    ],
)
def test_short_forms(short: str, behaviour: Behaviour) -> None:
    """Every short form is read as the behaviour that it abbreviates."""
    assert Behaviour.parse(short) == behaviour


@pytest.mark.parametrize("bad", ["nonsense", "overlap:many", "status", "status:999", "restart:page", "429:soon"])
def test_bad_short_forms_are_refused(bad: str) -> None:
    """What cannot be read is an error that quotes the value or names the choices."""
    with pytest.raises(ValueError, match=r"'|choose one"):
        Behaviour.parse(bad)


def test_negative_numbers_are_refused() -> None:
    """A negative amount is an error at once, not a strange answer later."""
    with pytest.raises(ValueError, match="negative"):
        Behaviour("overlap", amount=-1)


def test_behaviours_are_handed_out_round_by_round_for_each_conversation() -> None:
    """Each conversation goes through the list by itself; the first answer takes none; after the end there is none."""
    schedule = Schedule(["overlap", Behaviour("empty", times=2)], ANSWERS, per_conversation=True)
    assert schedule.take(info(round=0)) is None
    kinds = [(taken := schedule.take(info(round=n))) and taken.kind for n in (1, 2, 3, 4)]
    assert kinds == ["overlap", "empty", "empty", None]
    other = schedule.take(info(conversation="other"))
    assert other is not None
    assert other.kind == "overlap"
    schedule.reset()
    assert schedule.take(info()) == Behaviour("overlap")


def test_pinned_entries_wait_for_their_round_and_conversation() -> None:
    """A pinned entry is used in its round and conversation only, and before the entries in turn."""
    plan = ["overlap", Behaviour("empty", round=2), Behaviour("repetition", conversation="lighthouse", times=None)]
    schedule = Schedule(plan, ANSWERS, per_conversation=True)
    assert [schedule.take(info(round=n)) for n in (1, 2, 3)] == [Behaviour("overlap"), plan[1], None]
    assert [schedule.take(info(n, "x", "a lighthouse")) for n in (1, 2, 3)] == [plan[2], plan[1], plan[2]]


def test_faults_are_handed_out_in_order_of_arrival() -> None:
    """Faults belong to requests, not to conversations; a pinned one hits every conversation once."""
    schedule = Schedule(["429", "ok", Behaviour("drop", round=0)], FAULTS, per_conversation=False)
    taken = [
        schedule.take(info(round=n, conversation=c)) for n, c in ((1, "a"), (0, "b"), (0, "c"), (1, "a"), (1, "a"))
    ]
    assert [entry and entry.kind for entry in taken] == ["429", "drop", "drop", "ok", None]


def test_a_function_decides_by_itself() -> None:
    """A plan may be a function of the request; None is good behaviour."""
    schedule = Schedule(lambda request: "overlap:3" if request.round == 2 else None, ANSWERS, per_conversation=True)
    assert [schedule.take(info(round=n)) for n in (1, 2)] == [None, Behaviour("overlap", amount=3)]


@pytest.mark.parametrize(("plan", "allowed"), [(["429"], ANSWERS), (["overlap"], FAULTS)])
def test_a_kind_in_the_wrong_list_is_refused(plan: list[str], allowed: frozenset[str]) -> None:
    """A fault among the behaviours, or the other way round, is an error that names the right list."""
    with pytest.raises(ValueError, match="put it in"):
        Schedule(plan, allowed, per_conversation=True)


def test_the_request_bucket_lets_a_burst_in_and_then_its_rate() -> None:
    """The burst passes, the next request is told the true wait, and after that wait it passes."""
    clock = FakeClock()
    limiter = RateLimiter(RateLimitSpec(requests_per_minute=60, burst=3), clock.time)
    assert [limiter.admit(10).retry_after for _ in range(3)] == [None, None, None]
    verdict = limiter.admit(10)
    assert verdict.exceeded == "requests"
    assert verdict.retry_after == pytest.approx(1.0)
    assert verdict.states["requests"].limit == 60
    assert verdict.states["requests"].remaining == 0
    assert verdict.states["requests"].reset == pytest.approx(3.0)
    clock.advance(verdict.retry_after or 0)
    assert limiter.admit(10).retry_after is None


def test_the_token_bucket_reserves_the_cap_and_gives_back_the_rest() -> None:
    """Output tokens are reserved before they are known and corrected after."""
    clock = FakeClock()
    limiter = RateLimiter(RateLimitSpec(output_tokens_per_minute=600, token_burst=100), clock.time)
    assert limiter.admit(80).retry_after is None
    assert limiter.admit(80).retry_after == pytest.approx(6.0)
    limiter.settle(80, 20)
    assert limiter.admit(80).retry_after is None


@given(st.floats(1, 5000), st.floats(1, 50), st.lists(st.tuples(st.floats(0, 3), st.integers(1, 400)), max_size=60))
def test_a_limiter_never_lets_more_in_than_its_rate(
    rpm: float, burst: float, arrivals: list[tuple[float, int]]
) -> None:
    """Over any run the requests let in stay within burst + rate × time, and every told wait is enough."""
    clock = FakeClock(0.0)
    limiter = RateLimiter(RateLimitSpec(requests_per_minute=rpm, burst=burst), clock.time)
    for admitted, (pause, tokens) in enumerate(arrivals, 1):
        clock.advance(pause)
        wait = limiter.admit(tokens).retry_after
        if wait is not None:
            clock.advance(wait)
            assert limiter.admit(tokens).retry_after is None
        assert admitted <= burst + rpm / 60 * clock.time() + 0.01 + 1e-6 * len(arrivals)


def test_input_counts_where_the_limit_is_one_of_all_tokens() -> None:
    """As at OpenAI; and one bucket has one limit."""
    for spec, left in ((RateLimitSpec(tokens_per_minute=600), 470), (RateLimitSpec(output_tokens_per_minute=600), 500)):
        assert RateLimiter(spec).admit(100, 30).states["tokens"].remaining == left
    with pytest.raises(ValueError, match="two limits of one bucket"):
        RateLimitSpec(tokens_per_minute=1, output_tokens_per_minute=1)


@pytest.mark.parametrize("name", ["requests_per_minute", "output_tokens_per_minute", "burst", "token_burst"])
def test_limits_must_be_positive(name: str) -> None:
    """A limit of nothing would wait for ever, so it is refused."""
    with pytest.raises(ValueError, match=name):
        RateLimitSpec(**{name: 0})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_fake_clock_moves_only_when_slept_on(backend: str) -> None:
    """Sleeps return at once, move the time and are noted, on asyncio and trio alike; other tasks run meanwhile."""
    clock = FakeClock(5.0)
    seen: list[float] = []

    async def watch() -> None:
        seen.append(clock.time())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await clock.asleep(2.5)
            await clock.asleep(0)  # trio may run this task first once
            assert seen == [8.5]

    clock.sleep(1)
    anyio.run(main, backend=backend)
    assert clock.sleeps == [1, 2.5, 0]
    with pytest.raises(ValueError, match="-1"):
        clock.sleep(-1)
