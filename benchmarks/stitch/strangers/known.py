"""What models do at a join, by somebody who had not seen the rules: the half that was looked at afterwards."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
from benchmarks.stitch.peers import common_prefix
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
    heading,
    in_string,
    item,
    line_back,
    midline,
    midword,
    para,
    partial,
    prose,
    rest,
    sentence,
    solid,
    table,
    table_art,
    word,
)

if TYPE_CHECKING:
    import random

    from benchmarks.stitch.behaviours import Behaviour
    from benchmarks.stitch.documents import Document


def preface_courteous(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A polite line, then the exact continuation; every chat model after a bare "continue"."""
    text = clean(doc, cut, end)
    talk = rng.choice(
        [
            "Of course! Here's the remainder:",
            "Absolutely, picking up right where we stopped:",
            "Got it. Resuming now.",
            "Happy to keep going.",
            "No problem — here comes the rest.",
            "Understood, carrying on from the exact spot:",
            "Right, resuming from the point of interruption:",
            "Certainly. Below is the remaining part of my answer.",
            "好的，接着往下写：",
            "了解しました。続きを書きます。",
            "네, 이어서 계속하겠습니다.",
            "Klar, hier geht es weiter:",
            "Bien sûr, je reprends là où je m'étais arrêté :",
            "Claro, sigo donde me quedé:",
            "Claro, retomando de onde parei:",
            "Конечно, продолжаю с того же места:",
            "بالتأكيد، سأكمل من حيث توقفت:",
            "ज़रूर, आगे जारी रखता हूँ:",
            "Certo, riprendo da dove mi ero interrotto:",
            "Tabii, kaldığım yerden devam ediyorum:",
        ]
    )
    return Reply(talk + rng.choice(["\n\n", "\n\n", "\n"]) + text) if text else None


def preface_same_line(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The acknowledgement stands on the same line as the continuation; Mistral 7B and small Llamas."""
    if not midline(doc, cut) or not prose(doc, cut):
        return None
    talk = rng.choice(
        ["Sure, continuing: ", "Continuing from there: ", "Okay, going on: ", "Resuming: ", "Here's the rest: "]
    )
    return (
        Reply(talk + rest(doc, cut, end).lstrip(" "))
        if doc.text[cut] != " "
        else Reply(talk.rstrip() + rest(doc, cut, end))
    )


def apology_then_line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Excuses itself for the cut and begins the broken line again; GPT-3.5 and Claude 2."""
    if not solid(partial(doc, cut), 8):
        return None
    talk = rng.choice(
        [
            "Apologies for the abrupt stop! I'll redo that last line and go on:",
            "Sorry about that, my message got truncated.",
            "My apologies, it seems my previous message hit the length limit.",
            "Oops, that got cut short. Once more from that line:",
            "抱歉，刚才的输出被截断了，从最后一行重新开始：",
            "Entschuldige, meine Antwort wurde abgeschnitten. Weiter ab der letzten Zeile:",
            "Désolé, ma réponse a été coupée. Je reprends la dernière ligne :",
            "Perdón, se cortó el mensaje. Retomo la última línea:",
            "申し訳ありません、途中で切れてしまいました。最後の行から再開します。",
            "Извините, сообщение оборвалось. Повторю последнюю строку:",
        ]
    )
    return Reply(f"{talk}\n\n{doc.text[doc.line_start(cut) : end]}")


def paragraph_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the unfinished paragraph anew from its start with no word about it; Gemini Flash."""
    at = para(doc, cut)
    return (
        Reply(doc.text[at:end])
        if 30 <= cut - at <= 1500 and solid(doc.text[at:cut], 20) and fresh(doc, at, cut)
        else None
    )


def sentence_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins the broken sentence anew, no preface; the commonest habit of larger chat models."""
    if not prose(doc, cut):
        return None
    at = sentence(doc, cut)
    return Reply(doc.text[at:end]) if 15 <= cut - at <= 600 and fresh(doc, at, cut) else None


def role_label(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A speaker label before the continuation; local models with a wrong chat template."""
    text = clean(doc, cut, end)
    return (
        Reply(rng.choice(["Assistant: ", "ASSISTANT:\n", "**Assistant:**\n\n", "assistant\n\n", "Bot: "]) + text)
        if text
        else None
    )


def heading_continued(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A heading of its own over the continuation; GPT-4 with Markdown answers."""
    text = clean(doc, cut, end)
    if not midline(doc, cut):
        return None
    return (
        Reply(
            rng.choice(
                [
                    "## Continued\n\n",
                    "### Continuation\n\n",
                    "**Continued:**\n\n",
                    "# Part 2\n\n",
                    "## Continuing the answer\n\n",
                    "### (cont.)\n\n",
                    "## 续\n\n",
                    "## Fortsetzung\n\n",
                    "## Suite\n\n",
                    "### Continuación\n\n",
                ]
            )
            + text
        )
        if text
        else None
    )


def bracket_marker(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A marker in brackets before the continuation; Claude and PaLM after "go on"."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "(continued from above)",
                    "[continued]",
                    "(continuing from previous message)",
                    "[Continuing from the cutoff point]",
                    "*(continued)*",
                    "（续上）",
                    "(Fortsetzung)",
                    "[…resuming…]",
                ]
            )
            + rng.choice(["\n\n", "\n"])
            + text
        )
        if text
        else None
    )


def part_counter(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A part counter on the first line; GPT-4 asked for long documents."""
    text = clean(doc, cut, end)
    return (
        Reply(rng.choice(["**[Part 2/3]**", "(2/2)", "Part 2 of 2:", "[2/4]", "--- Part 2 ---"]) + "\n\n" + text)
        if text
        else None
    )


def preface_item_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts the broken list item again after a remark about it; ChatGPT on long lists."""
    found = item(doc, cut)
    if not found or cut - found.end() < 6:
        return None
    talk = rng.choice(
        [
            "Continuing the list:",
            "Here are the remaining items, starting with the one that was cut:",
            "Resuming at this bullet:",
            "接着上面的列表：",
            "Weiter mit der Liste:",
        ]
    )
    return Reply(f"{talk}\n\n{doc.text[found.start() : end]}")


def item_again_other_bullet(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts the broken list item again with another bullet sign; Gemini, which prefers asterisks."""
    found = item(doc, cut)
    if not found or cut - found.end() < 8 or found.group(1)[0].isdigit():
        return None
    other = rng.choice([sign for sign in ("*", "-", "•", "+") if sign != found.group(1)])
    return Reply(doc.text[found.start() : found.start(1)] + other + doc.text[found.end(1) : end])


def rule_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A horizontal rule and then the continuation in mid-line; models that separate answers by rules."""
    return (
        Reply(rng.choice(["---\n\n", "---\n", "***\n\n", "___\n\n"]) + rest(doc, cut, end))
        if midline(doc, cut) and not set(doc.text[cut - 2 : cut + 2]) & set("-=*_+~")
        else None
    )


def fence_around_raw_code(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The held text is bare source; the rest comes in a fence; every coding model without structured output."""
    text = rest(doc, cut, end)
    if doc.kind != "code" or "```" in text or text[0] == "\n":
        return None
    return Reply(close("```python\n" + text))


def fence_around_raw_line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """As before, with a preface and the line begun anew inside the fence; GPT-4o."""
    text = doc.text[doc.line_start(cut) : end]
    if doc.kind != "code" or "```" in text or len(partial(doc, cut).strip()) < 8:
        return None
    talk = rng.choice(
        [
            "Here is the rest of the file:",
            "Continuing the code:",
            "Remaining code:",
            "后面的代码如下：",
            "Hier der Rest des Codes:",
        ]
    )
    return Reply(close(f"{talk}\n\n```{rng.choice(['python', 'py', ''])}\n{text}"))


def fence_reopened_inside(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut within a fenced block; the reply opens the fence again before going on; Claude and Qwen coder."""
    text = clean(doc, cut, end)
    return Reply(f"```python\n{text}") if text and fenced(doc, cut) else None


def existing_code_comment(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A placeholder comment for what was there, then the line again; Cursor-style edits of GPT-4 and Claude."""
    at = doc.line_start(cut)
    if not code(doc, cut) or len(partial(doc, cut).strip()) < 8 or in_string(doc, cut):
        return None
    indent = blanks(doc, at)
    note = rng.choice(["# ... existing code ...", "# ... (previous code) ...", "# ...", "# [code above unchanged]"])
    return Reply(f"{indent}{note}\n{doc.text[at:end]}")


def signature_then_elided_body(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the signature, stands an ellipsis for the body so far, and goes on with the line; GPT-4 Turbo."""
    found = function(doc, cut)
    if not found or len(partial(doc, cut).strip()) < 6 or cut - found[1] < 80 or in_string(doc, cut):
        return None
    at = doc.line_start(cut)
    indent = blanks(doc, at)
    if not indent:
        return None
    return Reply(
        doc.text[found[0] : found[1]]
        + indent
        + rng.choice(["# ... as above ...", "...", "# (continued)"])
        + "\n"
        + doc.text[at:end]
    )


def function_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Restarts the function that was cut, after a remark; DeepSeek coder."""
    found = function(doc, cut)
    if not found or cut - found[0] > 2000:
        return None
    talk = rng.choice(
        [f"Let me give you `{found[2]}` in full and then the rest:\n\n", f"Continuing from `{found[2]}`:\n\n", ""]
    )
    return Reply(talk + doc.text[found[0] : end])


def table_top_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Header and separator of the table, then the broken row anew; nearly all models inside tables."""
    found = table(doc, cut)
    if not found or len(partial(doc, cut)) < 5:
        return None
    return Reply(
        rng.choice(["", "Table continued:\n\n", "Here are the remaining rows:\n\n"])
        + found[0].group()
        + doc.text[found[1] : end]
    )


def csv_top_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The CSV header once more and the broken record anew; data-extraction jobs with GPT-4o mini."""
    if doc.kind != "csv" or len(partial(doc, cut)) < 6:
        return None
    return Reply(doc.text[: doc.text.index("\n") + 1] + doc.text[doc.line_start(cut) : end])


def json_element_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the broken JSON object anew from its brace; GPT-4o on long arrays."""
    at = element(doc, cut)
    if at is None:
        return None
    return Reply(rng.choice(["", "Continuing the JSON from the incomplete object:\n\n"]) + doc.text[at:end])


def json_array_reopened(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens an array of its own and gives the broken object and the others; models asked for the rest of the JSON."""
    at = element(doc, cut)
    return (
        Reply(rng.choice(["[\n", "```json\n[\n"]) + doc.text[at:end])
        if at is not None and end < len(doc.text)
        else None
    )


def wrapped_in_json(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The continuation is a JSON string in an object; models with a JSON response format still on."""
    key = rng.choice(["continuation", "text", "content", "response"])
    return Reply(json.dumps({key: rest(doc, cut, end)}, ensure_ascii=False, indent=rng.choice([None, 2])))


def wrapped_in_xml(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The continuation stands in tags; Claude, which likes tags from its prompt."""
    tag = rng.choice(["continuation", "continued", "rest", "remaining_text"])
    if f"<{tag}" in doc.text:
        return None
    return Reply(
        f"<{tag}>{rest(doc, cut, end)}</{tag}>"
        if rng.random() < 0.5 or rest(doc, cut, end)[0] == "\n"
        else f"<{tag}>\n{close(rest(doc, cut, end), f'</{tag}>')}"
    )


def think_block(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A reasoning block in the text; DeepSeek-R1 and Qwen3 behind servers that do not split it off."""
    text = clean(doc, cut, end)
    thought = rng.choice(
        [
            "Okay, the user wants me to go on. The last thing I wrote stops in the middle, "
            "so I just need to finish it without repeating anything.",
            "The message was truncated. Let me look at the last words and keep the same format.\n\n"
            "I should not restart.",
            "用户让我继续。上次的回答在中间断了，我应该直接接着写。",
            "",
        ]
    )
    return Reply(f"<think>\n{thought}\n</think>\n\n{text}") if text else None


def last_sentence_in_quote_marks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The unfinished sentence as a blockquote for orientation, then the continuation; GPT-4 and Command R."""
    at = sentence(doc, cut) if prose(doc, cut) else None
    text = clean(doc, cut, end)
    if at is None or not text or not 20 <= cut - at <= 300 or "\n" in doc.text[at:cut] or table_art(doc.text[at:cut]):
        return None
    return Reply(f"> {doc.text[at:cut]}\n\n{text}")


def names_last_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says at which words it was cut, quoting them, then goes on exactly; Gemini Pro."""
    text = clean(doc, cut, end)
    words = doc.text[:cut].split("\n")[-1].split(" ")[-5:]
    tail = " ".join(words).strip()
    if not text or not 8 <= len(tail) <= 60 or '"' in tail or "`" in tail or not solid(tail, 6):
        return None
    talk = rng.choice(
        [
            'My last message broke off at "{}". Going on from there:',
            'Picking up after "...{}":',
            "Continuing right after `{}`:",
            "上文停在“{}”，继续：",
            "Ich war bei „{}“ stehen geblieben. Weiter:",
            "Je m'étais arrêté à « {} ». Suite :",
        ]
    )
    return Reply(talk.format(tail) + "\n\n" + text)


def repeat_curly_quotes(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines with typographic quotes in them; models fed with typeset text."""
    at = line_back(doc, cut, 2)
    old = doc.text[at:cut]
    new = re.sub(r'"([^"\n]*)"', "\u201c\\1\u201d", old)
    new = re.sub(r"(?<=\w)'(?=\w)", "\u2019", new)
    new = re.sub(r"(?<!\w)'([^'\n]+)'(?!\w)", "\u2018\\1\u2019", new)
    return (
        Reply(new + rest(doc, cut, end))
        if new != old and 30 <= len(old) < 600 and not code(doc, cut) and doc.kind != "json"
        else None
    )


def repeat_rewrapped(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines of hard-wrapped text as one long line, then continues; models that do not wrap."""
    if doc.kind != "prose":
        return None
    at = max(para(doc, cut), line_back(doc, cut, rng.randint(1, 3)))
    old = doc.text[at:cut]
    if "\n" not in old.strip() or len(old) < 40 or re.search(r"^\s*([-*|]|\d+\.|>>>)", old, re.M) or "\n   " in old:
        return None
    return Reply(
        re.sub(r"[ \t]*\n[ \t]*", " ", old.rstrip("\n")) + ("\n" if old.endswith("\n") else "") + rest(doc, cut, end)
    )


def repeat_one_word_changed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last sentence with one word exchanged; any model at temperature 1."""
    if not prose(doc, cut):
        return None
    at = sentence(doc, cut)
    old = doc.text[at:cut]
    pairs = {
        "the": "a",
        "is": "was",
        "can": "may",
        "and": "as well as",
        "must": "should",
        "will": "would",
        "that": "which",
        "if": "when",
        "not": "never",
    }
    spots = [m for m in re.finditer(r"\b[a-z]+\b", old[:-12]) if m.group() in pairs]
    if not spots or not 50 <= len(old) <= 500 or table_art(old) or not fresh(doc, at, cut):
        return None
    m = rng.choice(spots)
    return Reply(old[: m.start()] + pairs[m.group()] + old[m.end() :] + rest(doc, cut, end))


def repeat_without_emphasis(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last line with its Markdown marks lost; models that quote what was rendered."""
    if doc.kind != "markdown" or fenced(doc, cut):
        return None
    old = partial(doc, cut)
    new = old.replace("**", "").replace("`", "")
    return (
        Reply(new + rest(doc, cut, end))
        if new != old and len(new) >= 20 and old.count("`") % 2 == 0 and old.count("**") % 2 == 0
        else None
    )


def repeat_from_midword(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Overlap that begins in the middle of a word; base-like models that continue from a token window."""
    at = cut - rng.randint(25, 90)
    return Reply(doc.text[at:end]) if at > 0 and doc.text[at - 1].isalpha() and doc.text[at].isalpha() else None


def section_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the whole last section again from its heading; GPT-4o mini and Llama 3."""
    found = heading(doc, cut)
    return Reply(doc.text[found.start() : end]) if found and 20 < cut - found.start() < 4000 else None


def section_heading_marked(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Gives the section's heading again with a note that it goes on, then the line anew; Claude on long reports."""
    found = heading(doc, cut)
    if not found or len(partial(doc, cut)) < 10:
        return None
    mark = rng.choice([" (continued)", " (cont'd)", " – continued", "（续）", " (suite)"])
    return Reply(f"{found.group(1)} {found.group(2)}{mark}\n\n{doc.text[doc.line_start(cut) : end]}")


def word_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken word is written in full; ubiquitous when the cut is in mid-word."""
    at = word(doc, cut)
    return Reply(doc.text[at:end]) if midword(doc, cut) and cut - at >= 3 else None


def ellipsis_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Dots and then the continuation in mid-sentence; ChatGPT and Claude on prose."""
    text = rest(doc, cut, end)
    if not midline(doc, cut) or not prose(doc, cut) or doc.text[cut - 1] == "." or text[0] == ".":
        return None
    return Reply(rng.choice(["...", "…", "[...]"]) + text)


def signoff(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An offer of help at the end; every chat model."""
    return Reply(
        finish(
            rest(doc, cut, end),
            rng.choice(
                [
                    "Let me know if you'd like me to expand on any of this!",
                    "I hope this helps! Feel free to ask if anything is unclear.",
                    "Would you like me to go on with the next part?",
                    "That's the rest of it. Anything else you need?",
                    "如果还需要我继续，请告诉我。",
                    "Sag Bescheid, wenn du noch etwas brauchst!",
                    "N'hésitez pas si vous avez d'autres questions !",
                    "¿Quieres que siga?",
                    "続けますか？",
                    "Дайте знать, если нужно продолжить.",
                ]
            ),
        )
    )


def note_more_to_come(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A bracketed note that more follows; GPT-4 and Claude 2 on long tasks."""
    return Reply(
        finish(
            rest(doc, cut, end),
            rng.choice(
                [
                    "[Note: the response continues in the next message]",
                    "(to be continued)",
                    "*(To be continued…)*",
                    "[Continued in next part]",
                    "（未完待续）",
                    "(Fortsetzung folgt)",
                    "(à suivre)",
                ]
            ),
        )
    )


def plan_then_go(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """States what it is going to do, then does it; agentic models such as GPT-5 and Claude Sonnet."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "I'll resume from the exact character where the output stopped, keeping the same formatting, "
                    "and won't repeat earlier material.",
                    "The previous output ended mid-way. I will now write only the missing remainder.",
                    "Let me check where I was... I stopped partway through the last line. I'll finish it now.",
                    "我将从中断处继续输出，不重复之前的内容。",
                ]
            )
            + "\n\n"
            + text
        )
        if text
        else None
    )


def echo_of_request(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The user's one-word request stands at the top; small models with broken templates."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "continue\n\n",
                    "Continue.\n\n",
                    "> continue\n\n",
                    "User: continue\nAssistant: ",
                    "go on\n\n",
                    "继续\n\n",
                    "weiter\n\n",
                ]
            )
            + text
        )
        if text
        else None
    )


def escaped_breaks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Line breaks come as backslash n all through the reply; models that think they are inside a JSON string."""
    text = rest(doc, cut, end)
    return (
        Reply(text.replace("\n", "\\n")) if "\\" not in doc.text and text.count("\n") > 3 and text[0] != "\n" else None
    )


def stray_break_in_word(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A blank or line break before the rest of a broken word; llama.cpp templates that add whitespace."""
    return (
        Reply(rng.choice(["\n", " ", "\n\n"]) + rest(doc, cut, end))
        if midword(doc, cut) and doc.text[word(doc, cut) : cut].islower() and cut - word(doc, cut) >= 3
        else None
    )


def stop_token_leaks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A template's token is left at the end; local models with wrong stop words."""
    return Reply(
        rest(doc, cut, end) + rng.choice(["<|im_end|>", "</s>", "<|eot_id|>", "<|im_end|>\n<|im_start|>user\n"])
    )


def markdown_fence_around_markdown(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The rest of a Markdown document comes inside a markdown fence; GPT-4o asked for documents."""
    text = clean(doc, cut, end)
    if doc.kind != "markdown" or not text or fenced(doc, cut) or "```" in text:
        return None
    return Reply(close(f"{rng.choice(['', 'Here is the rest of the document:' + chr(10) * 2])}```markdown\n{text}"))


def last_line_for_context(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says that it repeats the last two lines for context, does so, goes on; Claude and o1."""
    at = line_back(doc, cut, 1)
    if cut - at < 30 or not fresh(doc, at, cut):
        return None
    return Reply(
        rng.choice(
            [
                "(repeating the last lines for context)",
                "For context, I'll start from the last complete line:",
                "I'll overlap slightly with the previous message so you can stitch it:",
            ]
        )
        + "\n\n"
        + doc.text[at:end]
    )


def preface_and_signoff(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk on both sides; Llama 2 chat and Vicuna."""
    text = clean(doc, cut, end)
    return (
        Reply(
            finish(
                rng.choice(["Sure thing! The rest follows.", "Here's the second half:", "Okay! Continuing."])
                + "\n\n"
                + text,
                rng.choice(
                    [
                        "Is there anything else I can help with?",
                        "I hope that completes it for you!",
                        "Let me know if you want more.",
                    ]
                ),
            )
        )
        if text
        else None
    )


def exact_that_looks_like_repeat(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An exact continuation which begins like the line before it: records, logs, parallel clauses; must stay whole."""
    text = rest(doc, cut, end)
    at = doc.line_start(cut)
    if at == cut and at > 1:
        before = doc.text[doc.line_start(at - 1) : at]
        same = common_prefix(before, text)
        return Reply(text) if same >= 8 and same < len(before) and text[:same].strip() else None
    held = doc.text[max(0, cut - 12) : cut]
    return Reply(text) if held.strip() and held in text[:200] else None


def exact_that_starts_block(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An exact continuation that begins with a heading, rule, fence, quote or table; must stay whole."""
    text = rest(doc, cut, end)
    return Reply(text) if re.match(r"\s*(#{1,6} |---|===|\*\*\*|```|> |\||>>>)", text) else None


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        preface_courteous, preface_same_line, apology_then_line_again, paragraph_again, sentence_again, role_label,
        heading_continued, bracket_marker, part_counter, preface_item_again, item_again_other_bullet, rule_first,
        fence_around_raw_code, fence_around_raw_line_again, fence_reopened_inside, existing_code_comment,
        signature_then_elided_body, function_again, table_top_again, csv_top_again, json_element_again,
        json_array_reopened, wrapped_in_json, wrapped_in_xml, think_block, last_sentence_in_quote_marks,
        names_last_words, repeat_curly_quotes, repeat_rewrapped, repeat_one_word_changed, repeat_without_emphasis,
        repeat_from_midword, section_again, section_heading_marked, word_again, ellipsis_first, signoff,
        note_more_to_come, plan_then_go, echo_of_request, escaped_breaks, stray_break_in_word, stop_token_leaks,
        markdown_fence_around_markdown, last_line_for_context, preface_and_signoff, exact_that_looks_like_repeat,
        exact_that_starts_block,
    )
}  # fmt: skip
