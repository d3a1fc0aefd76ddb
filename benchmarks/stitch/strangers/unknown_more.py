"""More of what models do at a join, by a second author without sight of the rules: the half that is not looked at."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
from benchmarks.stitch.strangers._more import (
    clause,
    data,
    ended,
    led,
    method,
    open_bracket,
    shifted,
    whole,
    words_back,
)
from benchmarks.stitch.strangers._places import (
    blanks,
    clean,
    close,
    code,
    element,
    fenced,
    finish,
    fresh,
    function,
    in_string,
    line_back,
    midline,
    midword,
    para,
    partial,
    prose,
    rest,
    sentence,
    solid,
    table_art,
    word,
)

if TYPE_CHECKING:
    import random

    from benchmarks.stitch.behaviours import Behaviour
    from benchmarks.stitch.documents import Document


def preface_only_a_noun(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """One word with a colon on its own line; Qwen, Gemma and Aya answer so in the language of the user."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "Continuation:",
            "Remainder:",
            "Cont.:",
            "Ciąg dalszy:",
            "Vervolg:",
            "Fortsättning:",
            "Pokračování:",
            "Συνέχεια:",
            "המשך:",
            "ادامه:",
            "आगे:",
            "বাকি অংশ:",
            "ต่อ:",
            "Tiếp theo:",
            "Lanjutan:",
            "Продовження:",
            "Continuare:",
            "Folytatás:",
            "Jatkoa:",
            "續：",
            "이어서:",
            "続き：",
            "Continuação:",
            "Devamı:",
            "تتمة:",
        ],
    )


def preface_of_three_paragraphs(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Explains itself at length before it goes on; Llama 2 chat, Gemini Pro 1.0, reasoning models told to be open."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "Thank you for your patience.\n\nMy last answer was longer than a single message may be, which is why it "
            "broke off before it was complete. Nothing that came before has to be changed.\n\nWhat follows attaches "
            "directly to the last character of the text above:",
            "I see what happened here.\n\nThe text above ends abruptly. To make it usable, I'm going to supply only "
            "what is missing, in the same style and with the same formatting as before.\n\nSo, without further ado:",
            "You'd like the remaining part of the answer.\n\nA quick word on how I'll do that: I won't go back over "
            "anything you already have, and I won't reformat it.\n\nThe missing part is this:",
        ],
        ["\n\n"],
    )


def preface_that_denies_itself(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A preamble which says that there is none; nearly all models that were forbidden one."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "Understood: no preamble.",
            "(continuing directly, without introduction)",
            "Okay, I won't repeat anything and will not add an introduction.",
            "As you asked, straight to the text:",
            "No preamble, just the text:",
            "Without repeating anything:",
            "明白，不加任何前言，直接继续。",
            "Entendido, sem introdução:",
            "Verstanden, keine Einleitung.",
        ],
    )


def preface_on_the_line_in_brackets(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A remark in brackets on the line where the text goes on; Claude Instant, Yi, small Gemmas."""
    text = rest(doc, cut, end)
    if not midline(doc, cut) or not prose(doc, cut):
        return None
    talk = rng.choice(["(continuing)", "[cont.]", "(continued)", "[...continuing]", "（接上）", "(cd.)", "(vervolg)"])
    return Reply(talk + ("" if text[0] == " " else " ") + text)


def preface_chatty_lowercase(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Small talk in small letters; Grok, GPT-5 with a casual persona, fine-tunes on chats."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "ok so, where were we... right:",
            "yep, on it",
            "sure thing, here ya go",
            "lol it cut me off, anyway",
            "k, continuing",
            "my bad, continuing now",
            "oki, dalej:",
        ],
        ["\n\n", "\n"],
    )


def preface_lists_what_was_covered(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A short recap of the headings so far, then the exact continuation; Gemini 1.5 Pro, Claude 3 Opus."""
    if doc.kind != "markdown" or fenced(doc, cut):
        return None
    found = [m.group(1).replace("`", "") for m in re.finditer(r"^##+ +([^\n]+)\n", doc.text[:cut], re.M)]
    if not found:
        return None
    talk = rng.choice(["So far covered: {}. Moving on:", "Recap: {} done so far.", "We have already been through {}."])
    return led(rng, doc, cut, end, [talk.format(", ".join(found[-3:]))], ["\n\n"])


def preface_and_space_lost(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A line of talk, after which the text goes on with the next word, its blank gone; any chat model."""
    text = rest(doc, cut, end)
    if (
        not prose(doc, cut)
        or not re.match(r" [a-z]{2}", text)
        or not re.search(r"^.{3,50}[a-z]{2}[,;]?$", partial(doc, cut))
    ):
        return None
    talk = rng.choice(["Sure, the rest:", "Continuing the sentence:", "Okay, from there:", "Hier is de rest:"])
    return Reply(f"{talk}\n\n{text[1:]}")


def note_of_the_end(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A mark that it is through; Llama 3, Qwen 2.5, models trained on documents with such marks."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "[END]",
            "**[End of response]**",
            "--- END OF OUTPUT ---",
            "*(end of continuation)*",
            "（全文完）",
            "[KONIEC]",
            "== FIN ==",
            "(Einde)",
            "~ The End ~",
        ],
    )


def note_of_what_was_added(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Sums up what it just did in a paragraph or a list; Claude Sonnet 4 and GPT-4.1 in agents."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "**Summary of what I did:**\n\n- Resumed at the exact break\n- Kept the formatting as it was\n"
            "- Added nothing of my own",
            "I've now finished the part that was missing. It follows on from your text without any overlap, and the "
            "style was kept.",
            "### Changes\n\n1. Completed the truncated line.\n2. Wrote out the remaining content.",
            "---\n\n✅ **Done.** The truncated output has been completed.",
        ],
    )


def note_offer_in_many_tongues(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An offer of help in the language of the user; Aya, Qwen, Gemma 2, GPT-4o."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "Daj znać, jeśli mam coś rozwinąć!",
            "Laat het me weten als je nog vragen hebt!",
            "Säg till om du vill att jag fortsätter.",
            "Dejte mi vědět, pokud mám pokračovat.",
            "Πείτε μου αν θέλετε να συνεχίσω.",
            "רוצה שאמשיך?",
            "اگر سوال دیگری داشتید، بپرسید.",
            "अगर आप चाहें तो मैं आगे भी लिख सकता हूँ।",
            "หากต้องการให้เขียนต่อ บอกได้เลยนะครับ",
            "Bạn có muốn tôi viết tiếp không?",
            "Apakah Anda ingin saya melanjutkan?",
            "Скажіть, якщо потрібно щось уточнити.",
            "Spuneți-mi dacă doriți să continui.",
            "Szólj, ha folytassam!",
            "Kerro, jos haluat lisää.",
            "需要我繼續往下寫嗎？",
            "더 필요하신 내용이 있으면 말씀해 주세요.",
            "Başka bir sorunuz varsa sorabilirsiniz.",
            "هل تريد مني المتابعة؟",
            "Quer que eu continue?",
        ],
    )


def note_below_a_rule(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A rule and a remark in italics below it; Claude 3.x and 4.x."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "---\n\n*That brings this part to a close. Shall I carry on with the next one?*",
            "---\n*Continued from the previous message; more available on request.*",
            "***\n\n_Would a shorter version be useful as well?_",
            "---\n\n**Want me to:**\n- keep going\n- revise this part\n- stop here",
        ],
    )


def note_on_the_last_line(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A mark in brackets right behind the last word; Claude 2, Cohere, small Llamas."""
    mark = rng.choice([" [continued]", " (more)", " [...to be continued]", "…[truncated]", " [cut here]"])
    return Reply(rest(doc, cut, end).rstrip() + mark) if not code(doc, cut) and doc.kind != "json" else None


def note_reports_obedience(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Assures that it did as told; Phi, Gemma 2B, Qwen 1.5B."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "(I continued exactly where I stopped and repeated nothing.)",
            "Continuation complete.",
            "Note: No text from the previous answer was repeated.",
            "The response is now complete.",
            "I have continued the text as requested, without preamble.",
            "（续写完毕，未重复前文）",
        ],
    )


def last_clause_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins again behind the last comma or semicolon; Claude Haiku, GPT-4.1 mini."""
    at = clause(doc, cut) if prose(doc, cut) else None
    if at is None or cut - at < 14 or "|" in doc.text[at:cut] or not fresh(doc, at, cut):
        return None
    return Reply(doc.text[at:end])


def last_two_words_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The whole word before and the broken word again; Mistral 7B, Qwen 7B, completion-like prefills."""
    at = words_back(doc, cut, 2)
    if at is None or not midword(doc, cut) or cut - word(doc, cut) < 2 or not solid(doc.text[at:cut], 6):
        return None
    return Reply(doc.text[at:end])


def last_letters_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Types the last three or four letters of a broken word again; token healing in llama.cpp and guidance."""
    at = word(doc, cut)
    size = rng.randint(3, 4)
    if not midword(doc, cut) or cut - at <= size or not doc.text[at:cut].isalpha():
        return None
    return Reply(doc.text[cut - size : end])


def dots_then_last_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Dots, the last few words, and on; ChatGPT and Gemini, as one quotes in prose."""
    at = words_back(doc, cut, rng.randint(3, 6)) if prose(doc, cut) else None
    if at is None or not doc.text[at].isalnum() or not fresh(doc, at, cut):
        return None
    return Reply(rng.choice(["...", "…", "... ", "… ", "(...) ", "[…] "]) + doc.text[at:end])


def whole_document_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts from the very beginning and comes past the cut; GPT-3.5, Llama 2, small Qwens."""
    if cut > 5000:
        return None
    talk = rng.choice(
        ["", "", "Here is the complete version:\n\n", "Full text:\n\n", "完整内容如下：\n\n", "Oto całość:\n\n"]
    )
    return Reply(talk + doc.text[:end])


def method_again_shifted_left(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The method again as if it were no part of a class, and all that follows as far to the left; StarCoder, GPT-4o."""
    found = method(doc, cut)
    if not found or not 60 < cut - found[1] < 2500:
        return None
    text = doc.text[found[1] : end]
    if not all(line.startswith("    ") or not line.strip() for line in text.split("\n")):
        return None
    return Reply(re.sub(r"^    ", "", text, flags=re.M))


def class_line_and_method_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens the class again and gives the broken method in it; GPT-4 Turbo, Claude 3.5, Qwen coder."""
    found = method(doc, cut)
    if not found or not 40 < cut - found[1] < 2500:
        return None
    talk = rng.choice(["", "    # ...\n\n", "    ...\n\n", "    # (other methods as before)\n\n"])
    return Reply(found[0].group() + talk + doc.text[found[1] : end])


def statement_again_from_bracket(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The statement over several lines again, from where its bracket opens; Claude 4, GPT-4.1."""
    at = open_bracket(doc, cut)
    return Reply(doc.text[at:end]) if at is not None and fresh(doc, at, cut) else None


def json_root_opened_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Brace, first key and bracket of the whole document, then the broken object; GPT-4o, Gemini in JSON mode."""
    at = element(doc, cut)
    top = re.match(r'\s*[\[{]\n(?:[ \t]*"[^"\n]+": [\[{]\n)*', doc.text)
    if at is None or not top or top.end() >= at:
        return None
    return Reply(rng.choice(["", "", "```json\n"]) + top.group() + doc.text[at:end])


def repeat_with_long_dashes(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The paragraph again with two hyphens, or a blank and a hyphen, made a dash; GPT-4o, Claude."""
    at = para(doc, cut)
    old = doc.text[at:cut]
    dash = rng.choice(["—", " – "])
    new = re.sub(r"(?<=[\w\"')]) ?(?:--| - )(?=[\w\"'(])", dash, re.sub(r" -- ", dash, old))
    if data(doc) or (code(doc, cut) and not in_string(doc, cut)) or new == old or not fresh(doc, at, cut):
        return None
    return Reply(new + rest(doc, cut, end)) if new[-8:] == old[-8:] and len(old) < 1500 else None


def repeat_decomposed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last lines again with accents as characters of their own; text that went through macOS tools or PDF."""
    at = line_back(doc, cut, rng.randint(1, 4))
    old = doc.text[at:cut]
    new = unicodedata.normalize("NFD", old)
    return Reply(new + rest(doc, cut, end)) if new != old and solid(old, 12) else None


def repeat_single_spaced(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The paragraph again with single blanks where there were two; every newer model on old manuals."""
    at = para(doc, cut)
    old = doc.text[at:cut]
    if not prose(doc, cut) or "\n  " in old or table_art(old) or not 40 < len(old) < 1500 or not fresh(doc, at, cut):
        return None
    new = re.sub(r"(?<=\S)  +(?=\S)", " ", old)
    return Reply(new + rest(doc, cut, end)) if new != old else None


def repeat_in_british_spelling(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The paragraph again in the other spelling of English; Mistral, Claude told to write British English."""
    at = max(para(doc, cut), line_back(doc, cut, 6))
    old = doc.text[at:cut]
    new = re.sub(r"(?<=[a-z]{3})iz(?=e|ing|ation)", "is", old)
    new = re.sub(r"([Bb]ehavi|[Cc]ol|[Ff]av)or", r"\1our", new)
    if new == old or code(doc, cut) or data(doc) or not 30 < len(old) < 900 or new[-6:] != old[-6:]:
        return None
    return Reply(new + rest(doc, cut, end)) if fresh(doc, at, cut) else None


def repeat_one_word_dropped(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last sentence again with a small word left out; quantised models, temperatures above 1."""
    at = sentence(doc, cut) if prose(doc, cut) else None
    if at is None or not 50 < cut - at < 500 or not fresh(doc, at, cut) or table_art(doc.text[at:cut]):
        return None
    old = doc.text[at:cut]
    spots = list(re.finditer(r"(?<= )(the|a|an|also|then|only|any|all|this|of) ", old[:-15]))
    if not spots:
        return None
    m = rng.choice(spots)
    return Reply(old[: m.start()] + old[m.end() :] + rest(doc, cut, end))


def repeat_with_other_quote_signs(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken line of code again with single quotes made double, or the reverse; models used to Black or to JS."""
    at = doc.line_start(cut)
    old = doc.text[at:cut]
    if not code(doc, cut) or not solid(old, 8) or in_string(doc, cut) or "#" in old:
        return None
    new = re.sub(r"(?<![\w'])'([^'\"\n\\]*)'(?!')", r'"\1"', old)
    if new == old:
        new = re.sub(r'(?<![\w"])"([^"\'\n\\]*)"(?!")', r"'\1'", old)
    return Reply(new + rest(doc, cut, end)) if new != old else None


def word_again_after_blank(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A blank and then the broken word in full; tokenisers whose words begin with a blank."""
    at = word(doc, cut)
    return Reply(" " + doc.text[at:end]) if midword(doc, cut) and cut - at >= 3 and prose(doc, cut) else None


def word_again_capitalised(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken word in full with a capital, as at the start of a text; GPT-3.5, Gemma 2, Phi-3."""
    at = word(doc, cut)
    if not midword(doc, cut) or cut - at < 3 or not doc.text[at:cut].islower() or not prose(doc, cut):
        return None
    return Reply(doc.text[at].upper() + doc.text[at + 1 : end])


def echo_and_nothing_more(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Gives the last paragraph or lines again up to the cut and stops; TinyLlama, Qwen 0.5B, looping base models."""
    at = rng.choice([doc.line_start(cut), max(para(doc, cut), line_back(doc, cut, 5))])
    if not solid(doc.text[at:cut], 25) or not fresh(doc, at, cut) or doc.text[cut - 1].isspace():
        return None
    return Reply(doc.text[at:cut], expect="nothing_new")


def blank_twice_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut behind a blank, the reply begins with another; prefilled models whose words begin with a blank."""
    text = rest(doc, cut, end)
    if doc.text[cut - 1] != " " or not re.match(r"[^\W_]", text) or not (prose(doc, cut) or doc.kind == "log"):
        return None
    return Reply(" " + text) if doc.text[cut - 2].islower() else None


def break_twice_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut behind the line break of a record or row, the reply begins with another; Gemini, Llama on Ollama."""
    before = doc.text[doc.line_start(cut - 1) : cut]
    if doc.line_start(cut) != cut or not (data(doc) or before.startswith("|")) or doc.text[cut] in "\n ":
        return None
    rows = before.startswith("|") and doc.text[cut] == "|"
    return Reply(rng.choice(["\n", "\n\n"]) + rest(doc, cut, end)) if rows or data(doc) else None


def indent_twice_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut behind the indentation of a line, which the reply gives a second time; Claude, GPT-4o on code and JSON."""
    indent = partial(doc, cut)
    if not (code(doc, cut) or doc.kind == "json") or indent.strip() or len(indent) < 2 or in_string(doc, cut):
        return None
    return Reply(indent + rest(doc, cut, end)) if not doc.text[cut].isspace() else None


def invisible_sign_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A byte order mark or a sign of no width stands first; proxies, o3 and o4-mini, text pasted from the web."""
    sign = rng.choice(["\u200b", "\ufeff", "\u2060", "\u200b\u200b", "\u200e"])
    return Reply(sign + rest(doc, cut, end))


def carriage_returns_in_reply(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Lines end with carriage return and line feed; proxies on Windows, Phi models."""
    text = rest(doc, cut, end)
    return Reply(text.replace("\n", "\r\n")) if "\r" not in doc.text and text.count("\n") > 4 else None


def four_backticks_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Text with code blocks in it comes in a longer fence; Claude 4, GPT-4.1 asked for Markdown."""
    text = clean(doc, cut, end)
    if doc.kind != "markdown" or not text or "```" not in text or fenced(doc, cut):
        return None
    return Reply(close("````" + rng.choice(["markdown\n", "md\n", "\n"]) + text, "````"))


def fence_closed_never_opened(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Bare code goes on exactly, then a fence closes that nobody opened; Claude and Qwen coder with prefill."""
    if doc.kind != "code" or "```" in doc.text:
        return None
    more = rng.choice(["", "", "\n\nThis completes the file.", "\n\nI hope that helps!", "\n\n以上是剩余的代码。"])
    return Reply(close(rest(doc, cut, end)) + more)


def copied_from_web_page(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The language's name and "Copy code" over the code, as in pages that were scraped; Llama and Qwen fine-tunes."""
    if doc.kind != "code":
        return None
    text = doc.text[doc.line_start(cut) : end] if rng.random() < 0.6 else clean(doc, cut, end)
    head = rng.choice(["python\nCopy code\n", "pythonCopy code\n", "python\nCopy\nEdit\n", "Python\nCopy\n"])
    return Reply(head + text) if text else None


def all_in_quote_marks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The whole reply stands in quotation marks; Llama 3 8B, Gemma 2B, Phi-3 mini."""
    text = clean(doc, cut, end)
    if not text or doc.kind not in ("prose", "markdown") or not midline(doc, cut) or text[0] in "\"'`":
        return None
    left, right = rng.choice([('"', '"'), ("“", "”"), ("「", "」"), ("«", "»"), ("„", "”"), ('"""\n', '\n"""')])
    return Reply(left + text.rstrip() + right)


def all_indented_by_four(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken line anew and all that follows, set in by four blanks as old Markdown has code; Claude 2, StarChat."""
    at = doc.line_start(cut)
    if not (doc.kind == "code" or data(doc)) or not solid(partial(doc, cut), 6) or in_string(doc, cut):
        return None
    return Reply(rng.choice(["", "The rest:\n\n"]) + shifted(doc.text[at:end], "    "))


def all_in_blockquote(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Each line of the reply with the sign of a quotation before it; Command R, Mistral Large, GPT-4o."""
    if not prose(doc, cut) or ">" in rest(doc, cut, end) or not midline(doc, cut):
        return None
    again = rng.random() < 0.5 and solid(partial(doc, cut), 10)
    text = doc.text[doc.line_start(cut) if again else cut : end].rstrip("\n")
    talk = rng.choice(["", "", "Continuing the text:\n\n"])
    return Reply(talk + "\n".join(f"> {line}".rstrip() for line in text.split("\n")))


def message_object_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The reply is a message of a chat API, or a call of a tool; proxies, Hermes and other tool-trained models."""
    text = rest(doc, cut, end)
    made: object = rng.choice(
        [
            {"role": "assistant", "content": text},
            {"type": "text", "text": text},
            {"role": "assistant", "content": [{"type": "text", "text": text}]},
            {"name": "continue_text", "arguments": {"text": text}},
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]},
        ]
    )
    return Reply(json.dumps(made, ensure_ascii=rng.random() < 0.3))


def banners_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Lines in capitals say where the continuation begins and ends; GPT-4 in agents, Mixtral, DBRX."""
    text = clean(doc, cut, end)
    if not text:
        return None
    top, low = rng.choice(
        [
            ("=== BEGIN CONTINUATION ===", "=== END CONTINUATION ==="),
            ("[CONTINUATION]", "[/CONTINUATION]"),
            ("<<<START>>>", "<<<END>>>"),
            ("-----BEGIN OUTPUT-----", "-----END OUTPUT-----"),
            ("[BEGIN TEXT]", "[END TEXT]"),
            ("【续写开始】", "【续写结束】"),
        ]
    )
    return Reply(close(f"{top}\n{text}", low))


def template_tokens_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The head of an assistant's turn is in the text; local servers with another model's template."""
    text = clean(doc, cut, end)
    head = rng.choice(
        [
            "<|im_start|>assistant\n",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            " [/INST] ",
            "<start_of_turn>model\n",
            "<|assistant|>\n",
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
            "### Response:\n",
            "<｜Assistant｜>",
            "GPT4 Correct Assistant: ",
            "<|start_of_role|>assistant<|end_of_role|>",
            "<|header_start|>assistant<|header_end|>\n\n",
        ]
    )
    return Reply(head + text) if text else None


def harmony_channels(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The channels of gpt-oss are in the text; llama.cpp, vLLM and LM Studio that do not parse them."""
    text = clean(doc, cut, end)
    note = rng.choice(["We need to continue exactly. No preamble.", "User wants continuation. Provide the remainder."])
    head = rng.choice(
        [
            f"<|channel|>analysis<|message|>{note}<|end|><|start|>assistant<|channel|>final<|message|>",
            "<|channel|>final<|message|>",
            f"analysis{note}assistantfinal",
        ]
    )
    return Reply(head + text) if text else None


def other_think_marks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Reasoning between marks other than the usual tag; Magistral, Command A, Kimi, Granite, Seed-OSS, Reflection."""
    text = clean(doc, cut, end)
    left, right = rng.choice(
        [
            ("[THINK]", "[/THINK]"),
            ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
            ("◁think▷", "◁/think▷"),
            ("<seed:think>", "</seed:think>"),
            ("Here is my thought process:\n", "\nHere is my response:\n"),
            ("<thinking>\n", "\n</thinking>\n\n"),
            ("<thought>", "</thought>\n"),
            ("> **Thinking…**\n> ", "\n\n"),
        ]
    )
    note = rng.choice(["The text must go on where it broke off.", "Just finish it. No repetition, same format."])
    return Reply(f"{left}{note}{right}{text}") if text else None


def whole_instruction_echoed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The user's long instruction comes back first; Llama 1B, Qwen 0.5B, base models in a chat template."""
    text = clean(doc, cut, end)
    echo = rng.choice(
        [
            "Continue exactly where you stopped. Do not repeat anything and do not add a preamble.",
            "Please continue your previous response from the exact point where it was cut off, no preamble.",
            "[INST] Continue exactly where you stopped, no preamble. [/INST]",
            "Your last message was cut off. Continue from the last character, without any introduction.",
            "> Continue exactly where you stopped, no preamble.",
            "Instruction: continue exactly where the text stops.\nOutput:",
            "请从中断的地方继续，不要重复，不要加开场白。",
        ]
    )
    return Reply(echo + rng.choice(["\n\n", "\n"]) + text) if text else None


def talk_fence_function_note(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk, a fence with the whole function and what follows, and an explanation; GPT-4o, Gemini, Claude on code."""
    found = function(doc, cut)
    if doc.kind != "code" or not found or cut - found[0] > 2000 or "```" in doc.text:
        return None
    top = rng.choice([f"Let's complete `{found[2]}`:", "Here's the code from the start of the function on:"])
    low = rng.choice(["**Key points**\n\n- No behaviour was changed.", "The code above runs as it is.", ""])
    text = close(f"{top}\n\n```python\n{doc.text[found[0] : end]}")
    return Reply(text + (f"\n\n{low}" if low else ""))


def paragraph_again_marked(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A marker in brackets, then the broken paragraph from its start, then a mark of the end; Claude 2, Kimi, GLM-4."""
    at = para(doc, cut)
    if not prose(doc, cut) or not 30 <= cut - at <= 1500 or not fresh(doc, at, cut):
        return None
    top = rng.choice(["[Resuming at the start of the paragraph]", "(from the top of the paragraph)", "（重写本段）"])
    return Reply(finish(f"{top}\n\n{doc.text[at:end]}", rng.choice(["[End of excerpt]", "(ends here)", "（完）"])))


def json_talk_fence_element_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk, a fence, the broken object set out to the left and all behind it; GPT-4o mini, Claude Haiku on arrays."""
    at = element(doc, cut)
    if at is None:
        return None
    top = rng.choice(["Resuming with the unfinished object:", "Next entries:", "从未完成的对象继续："])
    text = doc.text[at:end]
    depth = len(blanks(doc, at))
    if rng.random() < 0.4 and all(line.startswith(" " * depth) or not line for line in text.split("\n")):
        text = re.sub(rf"^ {{{depth}}}", "", text, flags=re.M)
    return Reply(close(f"{top}\n\n```json\n{text}"))


def exact_looks_like_talk(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with a word that talk begins with; must stay whole."""
    words = "Note|Here|This|That|These|For example|For|The following|See|Now|So|Use|It|In|As|If you|Continu|Return"
    return whole(doc, cut, end, rf"[ \n]{{0,2}}(?:{words})\b")


def exact_first_line_ends_in_colon(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, whose first line ends with a colon before a blank line, as a preamble has it."""
    return whole(doc, cut, end, r"[^\n]{3,90}:\n\n") if prose(doc, cut) else None


def exact_bracket_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with something in brackets, as a marker would; must stay whole."""
    return whole(doc, cut, end, r"[ \n]?(?:\([^()\n]{3,50}\)|\[[^\[\]\n]{3,50}\])")


def exact_comment_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation of code, whose first line is a comment, as a placeholder would be; must stay whole."""
    return whole(doc, cut, end, r"\s*(?:#|//|/\*|--)[^\n]+\n") if code(doc, cut) else None


def exact_definition_seen_before(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which soon defines a name or sets a heading that was there before; must stay whole."""
    text = rest(doc, cut, end)
    found = re.match(r"[^\n]{0,40}\n*[ \t]*((?:def|class) \w+|[\w.]+\(|#+ \S+|\*\*\w+)", text)
    return Reply(text) if found and re.search(re.escape(found.group(1)) + r"\b", doc.text[:cut]) else None


def exact_table_like_earlier_one(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, in which a table begins with the same header as one before; must stay whole."""
    text = rest(doc, cut, end)
    found = re.match(r"[^|]{0,200}^(\|[^\n]+\n\|[ :|-]+\n|\+[-=+]+\+\n)", text, re.M | re.S)
    return Reply(text) if found and found.group(1) in doc.text[:cut] else None


def exact_fence_closes_and_opens(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, in which a code block ends and another begins at once; must stay whole."""
    text = rest(doc, cut, end)
    return Reply(text) if fenced(doc, cut) and re.match(r"[^`]{0,120}\n```\n\s*```\w", text) else None


def exact_hyphen_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with a hyphen or a dash of the text; must stay whole."""
    return whole(doc, cut, end, r" ?[-–—]+ ?\w") if midline(doc, cut) else None


def exact_capital_inside_word(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with a capital, a digit or a line inside a name; must stay whole."""
    return whole(doc, cut, end, r"[A-Z_]\w") if doc.text[cut - 1].islower() or doc.text[cut - 1] == "_" else None


def exact_note_last(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, whose last paragraph begins like a note of the model's; must stay whole."""
    text = rest(doc, cut, end)
    last = text.rstrip().rpartition("\n\n")[2].strip()
    words = "Note|See|Changed|New in|For|Also|If|This|The|In|Use|Deprecated|When|Otherwise|A |It"
    return Reply(text) if prose(doc, cut) and re.match(rf"(?:{words})", last) and len(last) < 300 else None


def exact_indented_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation at a line's start, which begins with the indentation it needs; must stay whole."""
    return whole(doc, cut, end, r"(?: {4,}|\t)\S") if doc.line_start(cut) == cut else None


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        preface_only_a_noun, preface_of_three_paragraphs, preface_that_denies_itself, preface_on_the_line_in_brackets,
        preface_chatty_lowercase, preface_lists_what_was_covered, preface_and_space_lost, note_of_the_end,
        note_of_what_was_added, note_offer_in_many_tongues, note_below_a_rule, note_on_the_last_line,
        note_reports_obedience, last_clause_again, last_two_words_again, last_letters_again, dots_then_last_words,
        whole_document_again, method_again_shifted_left, class_line_and_method_again, statement_again_from_bracket,
        json_root_opened_again, repeat_with_long_dashes, repeat_decomposed, repeat_single_spaced,
        repeat_in_british_spelling, repeat_one_word_dropped, repeat_with_other_quote_signs, word_again_after_blank,
        word_again_capitalised, echo_and_nothing_more, blank_twice_at_seam, break_twice_at_seam, indent_twice_at_seam,
        invisible_sign_first, carriage_returns_in_reply, four_backticks_around, fence_closed_never_opened,
        copied_from_web_page, all_in_quote_marks, all_indented_by_four, all_in_blockquote, message_object_around,
        banners_around, template_tokens_first, harmony_channels, other_think_marks, whole_instruction_echoed,
        talk_fence_function_note, paragraph_again_marked, json_talk_fence_element_again, exact_looks_like_talk,
        exact_first_line_ends_in_colon, exact_bracket_first, exact_comment_first, exact_definition_seen_before,
        exact_table_like_earlier_one, exact_fence_closes_and_opens, exact_hyphen_first, exact_capital_inside_word,
        exact_note_last, exact_indented_first,
    )
}  # fmt: skip
