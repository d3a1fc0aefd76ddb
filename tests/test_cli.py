"""`continuum draft` against the simulated provider, over real HTTP; as a process of its own where that matters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from continuum import Policy, Result, _drafting, _sinks, _terminal
from continuum._core.errors import ConfigurationError
from continuum._core.types import Reason, Seam, rebuild_raw
from continuum.cli import app, main
from continuum.testing import Behaviour, SimulatedProvider, sample_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DOCUMENTS = sample_documents()
POEM = DOCUMENTS["poem"]
KEY = "sk-a-key-that-nobody-may-see-0123456789"
COMMAND = [sys.executable, "-m", "continuum"]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider() -> Iterator[Callable[..., SimulatedProvider]]:
    """Starts simulated providers."""
    with contextlib.ExitStack() as stack:

        def start(documents: Any = POEM, **options: Any) -> SimulatedProvider:
            return stack.enter_context(SimulatedProvider(documents, **options))

        yield start


def invoke(arguments: Sequence[str], **options: Any) -> Any:
    """Runs the command in this process; `.stdout`, `.stderr`, `.exit_code`."""
    result = CliRunner().invoke(app, list(arguments), **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def openai_arguments(server: SimulatedProvider, cap: int = 200) -> list[str]:
    """The options for the OpenAI side of a server."""
    return ["--model", "simulated", "--base-url", server.openai_base_url, "--max-tokens", str(cap)]


def draft(server: SimulatedProvider, *more: str, cap: int = 200, **options: Any) -> Any:
    """Runs `continuum draft` against a server."""
    prompt = [] if "input" in options or "--file" in more or "-f" in more else ["Write."]
    return invoke(["draft", *prompt, *openai_arguments(server, cap), *more], **options)


# -- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--unary"]])
@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_stdout_is_the_document(provider: Callable[..., SimulatedProvider], name: str, more: list[str]) -> None:
    """Stdout gets the complete text and nothing else, stderr one closing line, and the exit code is 0."""
    server = provider()
    url = server.openai_base_url if name == "openai" else server.anthropic_base_url
    arguments = ["--provider", name, "--model", "claude-x", "--base-url", url, "--max-tokens", "200"]
    result = invoke(["draft", "Write.", "--system", "Be a poet.", *arguments, *more])
    assert result.exit_code == 0
    assert result.stdout == POEM
    closing = result.stderr.splitlines()
    assert len(closing) == 1
    rounds = len(server.requests)
    assert rounds > 2
    for words in (
        "complete",
        f"{rounds} rounds",
        f"{rounds - 1} joins",
        "tokens in",
        " out",
        "cost",
        "1,727 characters",
    ):
        assert words in closing[0]
    assert "Be a poet." in json.dumps(server.requests[0].body)
    assert all(request.stream is not bool(more) for request in server.requests)


def test_prompt_from_file_and_stdin(provider: Callable[..., SimulatedProvider], tmp_path: Path) -> None:
    """The prompt may be a file, stdin without an argument, or `-`, and is read as UTF-8."""
    server = provider("Short.")
    path = tmp_path / "prompt.md"
    path.write_bytes("\ufeffÉcris — 写".encode())
    draft(server, "-f", str(path))
    draft(server, input="Écris — 写".encode())
    draft(server, "-", input="Écris — 写".encode())
    draft(server, "-f", "-", input="Écris — 写".encode())
    assert [request.prompt for request in server.requests] == ["Écris — 写"] * 4


def test_json(provider: Callable[..., SimulatedProvider]) -> None:
    """--json prints one object with the whole account, from which what arrived can be rebuilt."""
    server = provider(behaviours=["preamble", "overlap:60"])
    result = draft(server, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    names = ("text", "complete", "finish_reason", "reason", "rounds", "usage", "cost", "seams", "segments", "model")
    assert {*names, "run_id", "failure"} <= set(told)
    assert (told["text"], told["complete"], told["reason"], told["failure"]) == (POEM, True, "finished", None)
    assert told["rounds"] == len(told["segments"]) == len(server.requests)
    assert told["usage"]["output_tokens"] > 600
    raw = rebuild_raw(told["text"], [Seam(**seam) for seam in told["seams"]], told["rounds"])
    assert "Here" in raw[1]  # the preamble
    assert result.stdout.count("\n") == 1


def test_quiet_and_verbose(provider: Callable[..., SimulatedProvider]) -> None:
    """--quiet is silent about success only; --verbose logs every decision, and no text."""
    server = provider()
    assert draft(server, "--quiet").stderr == ""
    assert "incomplete (max_rounds)" in draft(server, "--quiet", "--max-rounds", "1").stderr
    events = draft(server, "--verbose").stderr
    assert events.count("] send") == len(server.requests) // 2
    assert "seam" in events
    assert "done" in events
    assert "The moon goes up" not in events


def test_policy_options_reach_the_run(provider: Callable[..., SimulatedProvider]) -> None:
    """--strategy, --dialect and --max-output-tokens do what the policy of the same name does."""
    server = provider(prefill="continue")
    result = draft(server, "--strategy", "in_place", "--json", cap=100)
    assert {seam["kind"] for seam in json.loads(result.stdout)["seams"]} == {"exact"}
    assert draft(server, "--dialect", "llama.cpp", "--json", cap=100).exit_code == 0
    assert server.requests[-1].body["messages"][-1]["role"] == "assistant"
    result = draft(server, "--max-output-tokens", "150", "--json", cap=100)
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert (told["reason"], told["usage"]["output_tokens"]) == ("max_output_tokens", 150)


# -- exit codes -------------------------------------------------------------------------------------------------------


def test_incomplete_is_3(provider: Callable[..., SimulatedProvider]) -> None:
    """A limit that ends the run gives 3, the text so far, and the name of the limit."""
    result = draft(provider(), "--max-rounds", "2")
    assert result.exit_code == 3
    assert len(result.stdout) > 300
    assert POEM.startswith(result.stdout)
    assert "incomplete (max_rounds)" in result.stderr
    assert "--max-rounds" in result.stderr


def test_refused_is_4(provider: Callable[..., SimulatedProvider]) -> None:
    """A refusal gives 4, and what came before it is kept."""
    result = draft(provider(behaviours=["refusal:20"]))
    assert result.exit_code == 4
    assert "incomplete (refused)" in result.stderr
    assert len(result.stdout) > 100


@pytest.mark.parametrize("as_json", [False, True])
def test_provider_failure_with_nothing_is_1(provider: Callable[..., SimulatedProvider], as_json: bool) -> None:
    """A provider that fails before anything came gives 1, says why on stderr, and leaves stdout to the account."""
    server = provider(faults=[Behaviour("status", status=401, times=None)])
    result = draft(server, *(["--json"] if as_json else []))
    assert result.exit_code == 1
    assert "401" in result.stderr
    assert "Traceback" not in result.stderr
    if as_json:
        told = json.loads(result.stdout)
        assert (told["text"], told["reason"]) == ("", "rejected")
        assert "401" in told["failure"]
    else:
        assert result.stdout == ""


def test_provider_failure_later_is_1_and_keeps_the_text(provider: Callable[..., SimulatedProvider]) -> None:
    """A provider that fails in a later round gives 1, and the text of the rounds before is on stdout."""
    result = draft(provider(faults=["ok", "quota"]))
    assert result.exit_code == 1
    assert "incomplete (quota)" in result.stderr
    assert len(result.stdout) > 300
    assert POEM.startswith(result.stdout)


def test_unreachable_server_is_1(tmp_path: Path) -> None:
    """Nobody listens: 1, also if it is the deadline that ends the repeats; an empty FILE.partial is not left."""
    arguments = ["draft", "Write.", "-m", "x", "--base-url", "http://127.0.0.1:9/v1", "--deadline", "0.2"]
    result = invoke([*arguments, "-o", str(tmp_path / "out.md")])
    assert result.exit_code == 1
    assert "Connection error" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_reason_has_words_and_a_code() -> None:
    """No reason of the library is unknown to the command, and only `finished` is success."""
    assert set(_terminal.WORDS) == set(get_args(Reason))
    for reason in get_args(Reason):
        result = Result("x", reason == "finished", "stop", "stop", reason)
        assert (_drafting.exit_code(result) == 0) is (reason == "finished")


def test_help_tells_the_truth() -> None:
    """Every exit code is in the help, and the defaults in it are those of the policy."""
    text = invoke(["draft", "--help"], terminal_width=200).stdout
    codes = {line.split()[0] for line in text.partition("Exit codes:")[2].splitlines() if line.strip()}
    assert {"0", "1", "2", "3", "4", "5", "130", "141"} <= codes
    policy = Policy()
    for option, value in (
        ("--max-rounds", policy.max_rounds),
        ("--max-output-tokens", policy.max_output_tokens),
        ("--max-cost", policy.max_cost),
        ("--deadline", policy.deadline),
        ("--strategy", policy.strategy),
    ):
        line = " ".join(text[text.index(f"{option} <") :].split("--")[1].split())
        assert f"Default: {value:g}." in line if isinstance(value, float) else f"Default: {value}." in line


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p", "--max-tokens", "0"], "--max-tokens=0"),
        (["p", "--provider", "anthropic"], "--max-tokens is missing"),
        (["p", "--max-rounds", "0"], "--max-rounds=0"),
        (["p", "--deadline", "-1"], "--deadline=-1.0"),
        (["p", "--strategy", "user_turn", "--dialect", "vllm"], "strategy='user_turn'"),
        (["p", "--strategy", "sideways"], "sideways"),
        (["p", "--dialect", "klingon"], "klingon"),
        (["p", "--base-url", "nonsense"], "--base-url='nonsense'"),
        (["p", "--base-url", "http://[::1"], "--base-url='http://[::1'"),
        (["p", "--base-url", "https://example.com/v1"], "OPENAI_API_KEY is not set"),
        (["p", "--provider", "anthropic", "--base-url", "https://example.com", "--max-tokens", "9"], "ANTHROPIC_API"),
        (["p", "--model", ""], "model=''"),
        (["p", "-f", "x.md"], "two prompts"),
        (["-f", "does-not-exist.md"], "does-not-exist.md"),
        (["  "], "is empty"),
        (["-"], "not UTF-8"),
        (["p", "-o", "."], "a directory"),
        (["p", "-o", "no/such/directory/out.md"], "--output='no/such/directory/out.md'"),
    ],
)
def test_bad_input_is_2_before_any_request(
    provider: Callable[..., SimulatedProvider], arguments: list[str], words: str
) -> None:
    """What can only fail gives 2 and says what is wrong, and nothing is sent."""
    server = provider()
    options = [] if "--base-url" in arguments else ["--base-url", server.base_url]
    options += [] if "--model" in arguments else ["--model", "x"]
    result = invoke(["draft", *arguments, *options], input=b"\xff\xfe")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert server.requests == []


def test_no_prompt_on_a_terminal(provider: Callable[..., SimulatedProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a prompt, and with nothing piped in, the command says so and does not wait for the keyboard."""
    monkeypatch.setattr(_terminal, "is_terminal", lambda _: True)
    result = draft(provider(), input=b"")
    assert result.exit_code == 2
    assert "there is no prompt" in result.stderr


@pytest.mark.parametrize(
    ("keys", "model", "chosen", "expected"),
    [
        ([], "gpt", None, "openai"),
        ([], "claude-x", None, "openai"),
        (["ANTHROPIC_API_KEY"], "claude-x", None, "anthropic"),
        (["ANTHROPIC_API_KEY"], "gpt", None, "openai"),
        (["ANTHROPIC_API_KEY", "OPENAI_API_KEY"], "claude-x", None, "openai"),
        (["OPENAI_API_KEY"], "claude-x", "anthropic", "anthropic"),
    ],
)
def test_default_provider(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], model: str, chosen: str | None, expected: str
) -> None:
    """OpenAI's API is the default; Anthropic's only where nothing but its key is there and the model is its own."""
    for name in keys:
        monkeypatch.setenv(name, KEY)
    assert _drafting.provider_name(chosen, model) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:80", True),
        ("http://0.0.0.0:80", True),
        ("http://model.localhost", True),
        ("https://api.openai.com/v1", False),
        ("http://127.0.0.1.example.com", False),
        ("http://192.168.0.1", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    """Only a server on this machine is used without a key."""
    assert _drafting.is_loopback(url) is expected


def test_cap_has_the_name_that_the_server_knows(provider: Callable[..., SimulatedProvider]) -> None:
    """OpenAI itself is sent `max_completion_tokens`, every other server `max_tokens`."""
    order = _drafting.Order("p", None, "m", max_tokens=9)
    assert _drafting._params(order, "openai", "https://api.openai.com/v1", "p")["max_completion_tokens"] == 9
    server = provider("Short.")
    draft(server)
    assert server.requests[0].body["max_tokens"] == 200


# -- keys -------------------------------------------------------------------------------------------------------------


def test_key_is_never_shown(provider: Callable[..., SimulatedProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that repeats the key in its error cannot make the command show it: not in text, log or JSON."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": "invalid_request_error"}}
    server = provider(faults=[Behaviour("status", status=401, body=body, times=None)])
    for more in ([], ["--json"], ["--verbose"]):
        result = draft(server, *more)
        assert result.exit_code == 1
        assert "Incorrect API key provided: [key]" in result.stderr
        assert KEY not in result.stdout + result.stderr


def test_broken_key_is_bad_input(provider: Callable[..., SimulatedProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that no header can carry is refused before any request, and not shown either."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nsecond line")
    server = provider()
    result = draft(server)
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in result.stderr
    assert KEY not in result.stderr
    assert server.requests == []


# -- files ------------------------------------------------------------------------------------------------------------


def test_file_is_written_whole(provider: Callable[..., SimulatedProvider], tmp_path: Path) -> None:
    """-o writes the complete text, byte for byte, under its name, keeps the mode, and nothing goes to stdout."""
    path = tmp_path / "out.md"
    path.write_text("an older version")
    path.chmod(0o640)
    result = draft(provider(DOCUMENTS["french"]), "-o", str(path))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert path.read_bytes() == DOCUMENTS["french"].encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.md"]
    assert str(path) in result.stderr


def test_file_through_a_link(provider: Callable[..., SimulatedProvider], tmp_path: Path) -> None:
    """-o on a symbolic link writes what it points to, and the link stays one."""
    (tmp_path / "real.md").write_text("old")
    (tmp_path / "link.md").symlink_to("real.md")
    draft(provider(), "-o", str(tmp_path / "link.md"))
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text(encoding="utf-8") == POEM


def test_incomplete_file_stays_partial(provider: Callable[..., SimulatedProvider], tmp_path: Path) -> None:
    """An incomplete text is in FILE.partial, FILE is as it was, and a later run overwrites neither."""
    server, path = provider(), tmp_path / "out.md"
    path.write_text("an older version")
    first = draft(server, "-o", str(path), "--max-rounds", "1")
    assert first.exit_code == 3
    assert f"{path}.partial" in first.stderr
    partial = tmp_path / "out.md.partial"
    kept = partial.read_text(encoding="utf-8")
    assert len(kept) > 300
    assert POEM.startswith(kept)
    assert path.read_text() == "an older version"
    second = draft(server, "-o", str(path), "--json")
    assert second.exit_code == 0
    assert json.loads(second.stdout)["text"] == path.read_text(encoding="utf-8") == POEM
    assert (tmp_path / "out.md.partial.1").read_text(encoding="utf-8") == kept
    assert not partial.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_full_disk_is_5_and_the_text_is_not_lost(provider: Callable[..., SimulatedProvider]) -> None:
    """If the file cannot be written, the run goes on and the text comes to stdout."""
    result = draft(provider(), "-o", "/dev/full")
    assert result.exit_code == 5
    assert result.stdout == POEM
    assert "cannot write to /dev/full" in result.stderr


def test_directory_that_vanishes(tmp_path: Path) -> None:
    """A text that cannot get its name in the end is an error that says so, not a success."""
    place = tmp_path / "place"
    place.mkdir()
    file = _sinks.File(place / "out.md")
    file.write("text")
    (place / "out.md.partial").unlink()
    with pytest.raises(_sinks.OutputError, match=r"out\.md"):
        file.finish(Result("text", True, "stop", "stop", "finished"))


def test_file_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write-protected FILE is refused before anything is sent, although it could be replaced."""
    path = tmp_path / "out.md"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigurationError, match="not writable"):
        _sinks.File(path)


# -- as a process -----------------------------------------------------------------------------------------------------


def start(arguments: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts the command as a process, with pipes for stdout and stderr."""
    return subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_utf8_whatever_the_locale(provider: Callable[..., SimulatedProvider]) -> None:
    """Stdout is UTF-8 also where the locale and Python's own settings say ASCII."""
    server = provider(DOCUMENTS["chinese"])
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start(["draft", "写", *openai_arguments(server, 2000)], env=environment)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, DOCUMENTS["chinese"].encode())
    assert "·" in err.decode()


def test_pipe_gets_the_text_as_it_comes_and_may_close(provider: Callable[..., SimulatedProvider]) -> None:
    """Text reaches a pipe while the answer is being written; a reader that leaves ends the run without a message."""
    server = provider(delay=0.02)
    process = start(["draft", "Write.", *openai_arguments(server, 600)])
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(40) == POEM.encode()[:40]
    assert server.active_requests == 1
    process.stdout.close()
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == b""
    process.stderr.close()
    assert server.wait_idle(connections=0)


@pytest.mark.parametrize(
    ("number", "to_file", "code"),
    [(signal.SIGINT, False, 130), (signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
)
def test_signal_keeps_what_has_come(
    provider: Callable[..., SimulatedProvider], tmp_path: Path, number: int, to_file: bool, code: int
) -> None:
    """Ctrl-C ends a stream at once: all that has come is written, the account is given, and there is no traceback."""
    server = provider(faults=["ok", Behaviour("stall", amount=100, seconds=60)])
    path, partial = tmp_path / "out.md", tmp_path / "out.md.partial"
    process = start(["draft", "Write.", *openai_arguments(server, 150), *(["-o", str(path)] if to_file else [])])
    assert process.stdout is not None
    kept, enough = b"", 500  # within the second round, before its stall
    while len(kept) < enough:
        assert process.poll() is None
        if not to_file:
            kept += os.read(process.stdout.fileno(), 4096)
        else:
            time.sleep(0.01)
            kept = partial.read_bytes() if partial.exists() else b""
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert b"incomplete (cancelled)" in err
    assert b"2 rounds" in err
    kept = partial.read_bytes() if to_file else kept + out
    assert POEM.encode().startswith(kept)
    assert f"{len(kept)} characters" in err.decode()
    assert not path.exists()
    assert server.wait_idle(connections=0)


def test_second_signal_breaks_a_write() -> None:
    """A signal waits for the write in hand, once; a second one does not."""
    done: list[str] = []

    def write(words: str) -> None:
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            done.append(words)

    with _sinks.Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            write("written")
        with pytest.raises(KeyboardInterrupt):
            write("not reached")
    assert done == ["written"]
    assert interrupts.number == signal.SIGINT


def test_help_is_fast_and_light() -> None:
    """`continuum --help` takes less than 400 ms of computing, and loads neither SDK, nor rich, nor price tables."""
    resource = pytest.importorskip("resource")
    program = (
        "import sys; from continuum.cli import main; sys.argv = ['continuum', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([n for n in ('openai', 'anthropic', 'httpx2', 'rich', 'genai_prices') if n in sys.modules])"
    )
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert out.splitlines()[-1] == "[]"
        assert "draft" in out
    assert min(taken) < 0.4


def test_version_and_entry_point(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`main` is the whole command: it ends with an exit code."""
    monkeypatch.setattr(sys, "argv", ["continuum", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("continuum 0.")


# -- the terminal -----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A terminal of so many columns that understands what the status line uses, and no more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.lines = [""]
        self.row = self.column = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        position = 0
        while position < len(text):
            if text[position] == "\x1b":
                end = position + 2
                while not text[end].isalpha():
                    end += 1
                self._escape(text[position + 2 : end], text[end])
                position = end
            else:
                self._put(text[position])
            position += 1
        return len(text)

    def _escape(self, argument: str, what: str) -> None:
        if what == "J":
            del self.lines[self.row + 1 :]
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif what == "A":
            self.row -= int(argument)
        elif what == "G":
            self.column = int(argument) - 1
        else:
            assert what == "m"

    def _put(self, c: str) -> None:
        if c == "\r":
            self.column = 0
            return
        if c == "\n" or self.column == self.width:
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append("")
        if c != "\n":
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + c + line[self.column + 1 :]
            self.column += 1

    @property
    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip()


@given(
    texts=st.lists(st.text(st.sampled_from("ab, \n\t\u0301é“"), max_size=30), max_size=12),
    width=st.sampled_from([7, 20]),
)
def test_status_line_leaves_no_trace(texts: list[str], width: int) -> None:
    """Whatever is written with a status line below it, the screen shows the text alone in the end."""
    patch = pytest.MonkeyPatch()
    patch.setattr(_terminal.shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
    patch.setenv("TERM", "xterm")
    expected, terminal = Terminal(width), Terminal(width)
    status = _terminal.StatusLine(terminal, shares=True)
    assert status.enabled
    for text in texts:
        expected.write(text)
        status.make_way()
        terminal.write(text)
        status.wrote(text)
        status.show("a status that is longer than the line", now=True)
    status.hide()
    patch.undo()
    assert terminal.screen == expected.screen


def test_status_line_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line stands below the text, comes back after every write, and takes new words ten times a second at most."""
    monkeypatch.setenv("TERM", "xterm")
    now = 0.0
    terminal = Terminal(80)
    status = _terminal.StatusLine(terminal, shares=True, clock=lambda: now)
    shown = []
    for number, moment in enumerate((0.0, 0.05, 0.2)):
        now = moment
        status.make_way()
        terminal.write("some text ")
        status.wrote("some text ")
        status.show(f"round {number}")
        shown.append(terminal.screen.splitlines()[-1])
    assert shown == ["round 0", "round 0", "round 2"]
    assert terminal.screen.splitlines()[0] == "some text some text some text"


def test_status_line_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn into a pipe or a file, nor on a terminal that cannot move its cursor."""
    monkeypatch.setenv("TERM", "xterm")
    pipe = io.StringIO()
    _terminal.StatusLine(pipe, shares=False).show("round 1", now=True)
    assert pipe.getvalue() == ""
    monkeypatch.setenv("TERM", "dumb")
    assert not _terminal.StatusLine(Terminal(80), shares=False).enabled


def test_model_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences in an answer are shown, not obeyed, on a terminal; a pipe gets them as they are."""
    text = "a\x1b[2J\x07\x9bb\n\tc\u2028é"
    assert _terminal.harmless(text) == "a␛[2J␇\ufffdb\n\tc\u2028é"
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    _sinks.Screen().write(text)
    assert out.getvalue() == text


def test_lone_surrogates_are_written(provider: Callable[..., SimulatedProvider]) -> None:
    """Half of an emoji, which a cut can leave, does not break the output; it is written as its JSON escape."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    _terminal.use_utf8(stream)
    stream.write("\ud83d é")
    stream.flush()
    assert stream.buffer.getvalue() == b"\\ud83d \xc3\xa9"  # type: ignore[attr-defined]
