"""The text of a run as it grows: joins applied, release to the reader decided, every removed character kept.

One `Draft` belongs to one run. The machine tells it when a round begins and ends; between them it is fed what
arrives and says what may be shown. What it releases is never taken back, and the text depends on the characters that
arrived alone, not on how they were cut into deltas: so a stream and a unary request give the same text.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from continuum._core.endings import End, Endings
from continuum._core.halves import HALF, REPLACEMENT, Arrived, has_half
from continuum._core.repetition import WINDOW, Run, periodic_run, uncounted
from continuum._core.requests import LONGEST_REST, Aside, Question, boundary, may_end, size_of
from continuum._core.stitch.joiner import Joiner, seam_of, seams_at_end
from continuum._core.types import Seam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum._core.stitch import Join

_CHECK_EVERY = 128  # characters between two looks for a loop
_LOOP_SUSPECT = 200  # from this length on a repeat is held back, so that it can still be cut off
_LOOP_CERTAIN = 8192  # characters of it after which no reply is waited for to its end
_PROOF = 24  # characters that a second reply says again of the text before it, if that is to settle a doubt


class Draft:
    """The text so far, and the reply that is arriving.

    Attributes:
        seams: joins and trims so far.
        released: index up to which the text was given to the reader.
        start: index at which the present round's contribution begins.
        anchored: what the present reply repeated because it was asked to.
        peak_held: the most characters that were ever held back.
        looping: the text has said one passage for so long that the reply need not be waited for.
        ended: what ended the text, if something other than the model did; it takes nothing more then.
        in_doubt: the present reply is joined at a gap or in one of two ways and another may take its place; or it is
            that other one, and settles nothing.
        aside: a reply that was taken out of the text because its join is in doubt.

    Args:
        watch: look for loops.
        endings: what ends the text before the model does.
    """

    def __init__(self, *, watch: bool = True, endings: Endings | None = None) -> None:
        self.ended = ""
        self._endings = endings or Endings()
        self._beyond: list[str] = []  # what came of this reply from the end on
        self.seams: list[Seam] = []
        self.released = self.start = self.peak_held = 0
        self.anchored = ""
        self.looping = self.in_doubt = False
        self._watch = watch
        self._base = ""
        self._parts: list[str] = []
        self._fed = Arrived()
        self._size = 0
        self._unreleased = ""
        self._recent = ""  # the last WINDOW characters
        self._round = 0
        self._question: Question | None = None
        self._joiner: Joiner | None = None
        self._cap: int | None = None
        self._hold = False
        self._bytes = 0
        self._floor: int | None = None  # from here on the unfinished end is held back
        self._looked = 0  # up to here boundaries were looked for
        self._loop_from: int | None = None  # from here on a suspected loop is held back
        self._mark: dict[str, Any] | None = None  # the state at the beginning of the present round
        self._before: dict[str, Any] | None = None  # the same, when the round has ended
        self._settles = self._apart = False
        self._ended_cut = False
        self.aside: Aside | None = None

    @property
    def question(self) -> Question | None:
        """How the present reply was asked for; None if it is the caller's request and nothing else."""
        return self._question

    @property
    def text(self) -> str:
        """The whole text, joined."""
        if self._parts:
            self._base += "".join(self._parts)
            self._parts.clear()
        return self._base

    @property
    def fed(self) -> str:
        """What arrived in the present round, as it came."""
        return self._fed.text

    def __len__(self) -> int:
        return self._size

    # -- one round ------------------------------------------------------------------------------------------------

    def begin(
        self,
        question: Question | None,
        *,
        round: int,
        cap: int | None,
        hold: bool,
        settle: bool = False,
        aside: bool = False,
    ) -> None:
        """A round was asked for.

        Args:
            question: how the model was asked to go on; None if the reply begins the text.
            round: counted from 1.
            cap: output tokens that the reply may have, None if unknown.
            hold: the unfinished end may be replaced by the reply after this one. It is held back from where the cap
                may be reached: a token has at least one byte, so before that many bytes no cap can cut.
            aside: the reply is no part of the text, but for its seam.
            settle: the reply may be set aside if its join is in doubt, so it is held back then.
        """
        fresh = {"question": question, "round": round, "cap": cap, "hold": hold, "settle": settle, "apart": aside}
        self._mark = {**self._settled(), **fresh}
        self._settles, self.in_doubt = settle, False
        self._round, self._cap, self._hold, self._question = round, cap, hold, question
        self._bytes, self._floor = 0, None
        self._fed, self.anchored, self._beyond = Arrived(), "", []
        self._joiner, self._apart = None, aside
        self.start = self._size
        if question is not None and self._size and not aside:
            self._joiner = Joiner(
                self.text,
                rest=self._size - question.shown,
                anchor=question.anchor,
                in_place=question.in_place,
                echo=question.echo,
            )
        elif round > 1 and not aside:
            self.seams.append(Seam(self._size, round, "plain", note="nothing came before"))

    def feed(self, delta: str) -> str:
        """Take what arrived and return what may be shown now."""
        self._arrive(self._fed.take(delta))
        return "" if self._apart else self._release(self._limit())

    def feed_rest(self, text: str) -> str:
        """Take a whole reply, of which some may have arrived already, and return what may be shown now."""
        return self.feed(self._fed.rest_of(text))

    def _arrive(self, delta: str) -> None:
        if delta and not self._apart:
            self._take(delta if self._joiner is None else self._joined(delta))

    def _joined(self, delta: str) -> str:
        joiner = self._joiner
        assert joiner is not None
        undecided = joiner.join is None
        piece = joiner.feed(delta)
        self.peak_held = max(self.peak_held, joiner.held)
        if undecided and joiner.join is not None:
            piece = self._settle(joiner.join, piece)
        return piece

    def end(self, *, cut: bool) -> None:
        """The reply ended. A character that was cut in half, and what the join trims from the end, are taken off."""
        joiner, self._before, self._mark = self._joiner, self._mark, None
        self._ended_cut = cut
        self._arrive(self._fed.end())
        if self._apart:
            self._apart = False
            self._trim(self.fed, "a corrected copy of the whole value")
            return
        if joiner is not None:
            undecided = joiner.join is None
            piece = joiner.finish()
            if undecided and joiner.join is not None:
                piece = self._settle(joiner.join, piece)
            self._take(piece)
        if self._beyond:
            self._trim("".join(self._beyond), self.ended)
        if joiner is not None:
            self.seams += seams_at_end(joiner, self._size, self._round)
            self._joiner = None
        whole = self.text.rstrip(REPLACEMENT) if cut and not self.ended else self.text
        if self.start <= len(whole) < self._size:
            self._trim(self._shrink(len(whole)), "a character that the cap cut in half")

    def cut_back(self, shown: int) -> tuple[int, str]:
        """Decide where the text shown to the model ends.

        Args:
            shown: index up to which the model has seen the text already.

        Returns:
            The index, and what may be released now. The rest stays in the text unless the next reply replaces it,
            which it can only do to what was not released.
        """
        held = self._hold and self._floor is not None
        floor = max(self.start, self._floor or 0, shown)
        end = boundary(self.text, floor=floor, sentence=held) if self._size > floor else self._size
        if held and self._cap is not None and size_of(self.text[end:]) > self._cap:
            # The next reply says the rest again; with a small cap it would say little else.
            end = boundary(self.text, floor=floor, sentence=False)
        if not self.text[shown:end].strip():
            end = self._size
        limit = end if held else self._size - self._may_end()
        return end, self._release(limit if self._loop_from is None else min(limit, self._loop_from))

    def close(self, round: int) -> None:
        """The run is over. If this round was asked for and never answered, nothing of the text speaks of it."""
        self._mark = None
        if self.seams and self.seams[-1].round == round and not self._parts:
            last = self.seams[-1]
            if not (last.removed or last.replaced or last.inserted) and last.offset == self._size:
                self.seams.pop()

    def begun_stop(self) -> int:
        """Characters at the end of the text that begin a stop sequence."""
        return self._endings.begun(self._recent)

    def cut_begun_stop(self) -> None:
        """The stop sequence that the text ends in was completed: take its beginning off."""
        self.ended = "a stop sequence, across a cut"
        self._cut(self._size - self.begun_stop(), "the beginning of a stop sequence")

    def _may_end(self) -> int:
        return self._endings.held(self._recent) if self._endings and not self.ended else 0

    def release_all(self) -> str:
        """Nothing can change the text any more: return what was still held back."""
        self._loop_from = None
        return self._release(self._size)

    # -- two replies to one question ------------------------------------------------------------------------------

    def set_aside(self) -> str:
        """Take the present reply, which has ended, out of the text again; returns why it is in doubt."""
        assert self._before is not None
        self.aside = Aside(self._question, self._round, self._cap, self._hold, self._ended_cut, self.fed)
        why = next((seam.note for seam in self.seams if seam.round == self._round), "")
        self._rewind(self._before)
        self._trim(self.aside.fed, f"set aside, and asked again: {why}", self.aside.round)
        return why

    def keep(self) -> None:
        """The present reply takes the place of the one that was set aside."""
        self.aside, self._settles = None, False

    def take_back(self) -> str:
        """Put the reply that was set aside into the text again, and set the present one aside instead.

        Returns:
            What may be shown now.
        """
        aside, before = self.aside, self._mark or self._before
        assert aside is not None and before is not None  # noqa: PT018
        second, number = self.fed, self._round
        self.aside = None
        self._rewind({**before, "seams": before["seams"][:-1]})
        if second:
            self._trim(second, "set aside: another reply to the same question is joined better", number)
        self.begin(aside.question, round=aside.round, cap=aside.cap, hold=aside.hold)
        shown = self.feed(aside.fed)
        self.end(cut=aside.cut)
        return shown

    @property
    def run(self) -> Run | None:
        """The repeat at the end of the text, if it ends in one."""
        return periodic_run(uncounted(self._recent)) if self._watch else None

    def cut_loop(self) -> None:
        """Take a loop off the end: all of it since it began to show, and was held back from the reader."""
        if self._loop_from is not None:
            self._cut(self._loop_from, "one passage, said over and over")

    # -- the join -------------------------------------------------------------------------------------------------

    def _settle(self, join: Join, piece: str) -> str:
        """Apply a decision: note the seam, give way to the reply, and return the text to append."""
        if join.replaced and self._size - join.replaced < self.released:
            # The reader has seen the unfinished end, so it stays, and the seam says that something is missing.
            blank = "" if self._recent[-1:].isspace() else " "
            piece = blank + piece[len(join.inserted) :]
            note = f"{join.note}; the unfinished end was already shown and stays"
            join = join._replace(replaced=0, inserted=blank, kind="gap", ambiguous=True, note=note)
        doubt = join.kind == "gap" or join.ambiguous
        if self.aside is not None and join.kind not in ("anchor", "exact"):
            # The doubt about the first reply is lifted by words that were said again, not by a join that looks well.
            doubt = doubt or join.overlap < _PROOF
        self.in_doubt = self._settles and doubt
        taken = self._shrink(self._size - join.replaced) if join.replaced else ""
        self.start = self._size
        if join.kind == "anchor" and self._question is not None:
            self.anchored = self._question.anchor or ""
        self.seams.append(seam_of(join, self._size, self._round, self.fed[: join.removed], taken))
        return piece

    def _trim(self, removed: str, note: str, round: int | None = None, inserted: str = "") -> None:
        at = self._size + len(inserted)
        self.seams.append(Seam(at, round or self._round, "nothing_new", removed, inserted, note=note))

    def _cut(self, size: int, note: str) -> None:
        """Take everything from `size` on off the text, but for what the reader was shown."""
        self._trim(self._shrink(max(size, self.released)), note)

    def _shrink(self, size: int) -> str:
        """Take everything from `size` on off the text.

        Returns the text that the next seam has to account for. What lies before seams that stood in the part taken
        off is noted on those seams.
        """
        text = self.text
        position = size
        for index, seam in enumerate(self.seams):
            if seam.offset > size:
                lost = text[position : seam.offset - len(seam.inserted)]
                self.seams[index] = replace(seam, offset=size, inserted="", replaced=lost + seam.replaced)
                position = seam.offset
        self._base, self._size = text[:size], size
        self._unreleased = self._base[self.released :]
        self._recent = self._base[-WINDOW:]
        return text[position:]

    # -- release --------------------------------------------------------------------------------------------------

    def _take(self, piece: str) -> None:
        """Append to the text. Half of a character is no text: a sign stands for it, and its seam says what came."""
        for place, part in enumerate(HALF.split(piece) if has_half(piece) else (piece,)):
            if place % 2 and not self.ended:
                self._trim(part, "half of a character", inserted=REPLACEMENT)
                self._append(REPLACEMENT)
            elif part:
                self._append(part)

    def _append(self, piece: str) -> None:
        """Append, as far as the text has not ended, and look for a loop at fixed places of it, wherever the deltas
        were cut."""
        if self.ended:
            self._beyond.append(piece)
            return
        before, end = self._size, self._find_end(piece)
        if end is not None:
            self._beyond, piece = [piece[end.behind - before :]], piece[: end.behind - before]
        if self._hold and self._floor is None and self._cap is not None:
            data = piece.encode("utf-8", "surrogatepass")
            if self._bytes + len(data) >= self._cap:
                self._floor = before + len(data[: self._cap - self._bytes].decode("utf-8", "ignore"))
            self._bytes += len(data)
        self._parts.append(piece)
        self._size += len(piece)
        self._unreleased += piece
        window = self._recent + piece
        if self._watch:
            left = before - len(self._recent)
            for place in range(before - before % _CHECK_EVERY + _CHECK_EVERY, self._size + 1, _CHECK_EVERY):
                self._check_loop(window[max(0, place - WINDOW - left) : place - left], place)
        self._recent = window[-WINDOW:]
        if end is not None:
            self.ended = end.what
            self._beyond.insert(0, self._shrink(max(end.start, self.released)))

    def _find_end(self, piece: str) -> End | None:
        """What ends the text in the piece that follows it, if something does."""
        if not self._endings:
            return None
        left = self._size - len(self._recent)
        seam = self.start - left if self._joiner is not None else None
        end = self._endings.find(self._recent + piece, len(piece), seam)
        return end and end._replace(behind=left + end.behind, start=left + end.start)

    def _check_loop(self, tail: str, place: int) -> None:
        if self.looping:
            return
        run = periodic_run(uncounted(tail))
        # Suspected long before it counts as a loop (see `is_loop`), so that a look in between cannot miss it.
        if run is None or run.length < max(_LOOP_SUSPECT, 2.5 * run.period):
            self._loop_from = None
        elif self._loop_from is None:
            self._loop_from = place
        elif place - self._loop_from >= _LOOP_CERTAIN:
            self.looping = True

    def _limit(self) -> int:
        """Index up to which the text is sure while the round is under way."""
        if self.in_doubt or self.aside is not None or (self._joiner is not None and self._joiner.join is None):
            return self.released
        limit = self._size - (len(self._recent) - len(self._recent.rstrip(REPLACEMENT)))
        limit = min(limit, self._size - self._may_end())
        if self._floor is not None and limit > self._floor:
            fresh, self._looked = self._size - self._looked, self._size
            if len(self._unreleased) > LONGEST_REST or may_end(self._recent[-fresh - 8 :]):
                limit = min(limit, self._size - len(self._recent) + boundary(self._recent, floor=0, sentence=True))
                limit = max(limit, self._floor)
            else:
                limit = max(self.released, self._floor)
        return limit if self._loop_from is None else min(limit, self._loop_from)

    def _release(self, limit: int) -> str:
        count = limit - self.released
        if count <= 0:
            self.peak_held = max(self.peak_held, len(self._unreleased))
            return ""
        out, self._unreleased = self._unreleased[:count], self._unreleased[count:]
        self.released = limit
        self.peak_held = max(self.peak_held, len(self._unreleased))
        return out

    # -- persistence ----------------------------------------------------------------------------------------------

    def _settled(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "seams": list(self.seams),
            "released": self.released,
            "start": self.start,
            "loop_from": self._loop_from,
            "looping": self.looping,
            "ended": self.ended,
            "watch": self._watch,
            "peak_held": self.peak_held,
            "last": [self._round, self._cap, self._hold, self._floor, self.anchored],
        }

    def _rewind(self, settled: Mapping[str, Any]) -> None:
        """Go back to a state that `_settled` described."""
        self._base, self._size = settled["text"], len(settled["text"])
        self._parts.clear()
        self.seams = list(settled["seams"])
        self.released, self.start = settled["released"], settled["start"]
        self._loop_from, self.looping = settled["loop_from"], settled["looping"]
        self.ended = settled["ended"]
        self._round, self._cap, self._hold, self._floor, self.anchored = settled["last"]
        self._unreleased = self._base[self.released :]
        self._recent = self._base[-WINDOW:]
        self._joiner, self.in_doubt = None, False

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values: the state at the beginning of the present round, and what arrived since."""
        data = dict(self._mark or self._settled())
        data["seams"] = [asdict(seam) for seam in data["seams"]]
        data["aside"] = self.aside.to_dict() if self.aside is not None else None
        if self._mark is not None:
            question = data.pop("question")
            data["question"] = question.to_dict() if question is not None else None
            data["fed"], data["shown"] = self.fed, self.released
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], endings: Endings) -> Draft:
        """The inverse of `to_dict`: the present round is fed again, which gives the same state."""
        draft = cls(watch=data["watch"], endings=endings)
        draft.peak_held = data["peak_held"]
        draft._rewind({**data, "seams": [Seam(**seam) for seam in data["seams"]]})
        draft.aside = Aside.from_dict(data["aside"]) if data["aside"] is not None else None
        if "fed" in data:
            asked = Question.from_dict(data["question"]) if data["question"] is not None else None
            how = {name: data[name] for name in ("round", "cap", "hold", "settle")}
            draft.begin(asked, **how, aside=data["apart"])
            draft.feed(data["fed"])
            # In one piece more can be sure than the reader was shown.
            draft.released = data["shown"]
            draft._unreleased = draft.text[draft.released :]
        return draft
