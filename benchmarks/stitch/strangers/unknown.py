"""What models do at a join, by somebody who had not seen the rules: the half that nobody who writes rules looks at.

Maintainers: do not read on, and do not print what comes out wrong here. Only the sums of this half say how the rules do
with replies that they were not made for, and only as long as no rule is made for what stands below.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
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


def preface_chatty(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A chatty line, then the exact continuation; Gemini, Qwen, DeepSeek, Llama 3 in the user's language."""
    text = clean(doc, cut, end)
    talk = rng.choice(
        [
            "Alright, let's pick this back up!",
            "Okay, here's what was missing:",
            "You're right, I didn't finish. Here is what remains:",
            "Thanks for the nudge — finishing up below.",
            "Yep! Where was I... ah yes:",
            "Great, moving on with the remaining portion.",
            "Here is the continuation of the text:",
            "As requested, the output proceeds below.",
            "✅ Resuming generation…",
            "👇 The rest:",
            "没问题，以下是剩余部分：",
            "當然，我們接續前面的內容：",
            "承知しました。残りの部分は以下のとおりです。",
            "물론이죠! 나머지 부분입니다.",
            "Gerne, ich mache direkt weiter:",
            "Alles klar. Der restliche Teil:",
            "D'accord, voici la fin :",
            "Avec plaisir, poursuivons :",
            "¡Por supuesto! Aquí tienes lo que falta:",
            "Com certeza! Segue o restante:",
            "Хорошо, вот оставшаяся часть:",
            "حسنًا، إليك بقية النص:",
            "बिल्कुल, बाकी हिस्सा यह है:",
            "Perfetto, ecco il resto:",
            "Elbette, geri kalanı şöyle:",
            "Oczywiście, oto dalsza część:",
            "Natuurlijk, hier is de rest:",
            "Dạ, phần còn lại như sau:",
        ]
    )
    return Reply(talk + rng.choice(["\n\n", "\n\n", "\n"]) + text) if text else None


def preface_two_paragraphs(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Two paragraphs of talk before the continuation; Bard, Command R+, early Claude."""
    text = clean(doc, cut, end)
    talk = rng.choice(
        [
            "I see, my earlier answer ran out of space.\n\nThe following completes it:",
            "Yes, of course.\n\nTo keep things consistent I'll stick to the same style as before. Here we go:",
            "Sorry for the inconvenience — output limits again.\n\n"
            "Below you'll find everything after the point where it broke:",
            "抱歉，单次输出长度有限。\n\n下面是后续部分：",
        ]
    )
    return Reply(f"{talk}\n\n{text}") if text else None


def preface_same_line_mixed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Announcement and continuation in one line, in several languages; Phi and small Qwen."""
    if not midline(doc, cut) or not prose(doc, cut):
        return None
    talk = rng.choice(
        [
            "To continue: ",
            "Continuation: ",
            "(cont.) ",
            "Rest of the answer: ",
            "继续：",
            "Weiter im Text: ",
            "Suite : ",
            "Continuação: ",
        ]
    )
    return (
        Reply(talk.rstrip(" ") + " " + rest(doc, cut, end).lstrip(" "))
        if doc.text[cut] == " " or talk.endswith(" ")
        else Reply(talk + rest(doc, cut, end))
    )


def blank_swallowed(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The next word comes without its blank, as the server trims the reply; Bedrock, Ollama, prefilled Claude."""
    if not prose(doc, cut) or not re.match(r" [a-z]{2,}\b", doc.text[cut : cut + 40]):
        return None
    at = word(doc, cut)
    held, new = doc.text[at:cut], "".join(re.findall(r"\A (\w+)", doc.text[cut:]))
    if len(held) < 3 or not held.isalpha() or len(re.findall(rf"\b{held}\b", doc.text)) < 3 or held + new in doc.text:
        return None
    return Reply(rest(doc, cut, end)[1:])


def blank_swallowed_after_preface(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A preface and the next word at the start of a line, with no blank before it; all chat models."""
    found = blank_swallowed(rng, doc, cut, end)
    return (
        Reply(
            rng.choice(
                ["Continuing from where the text ended:", "Okay, next:", "Certo, continuo:", "Sure — rest of it here:"]
            )
            + "\n\n"
            + found.text
        )
        if found
        else None
    )


def apology_then_paragraph_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Regrets the interruption and gives the whole paragraph anew; Claude Haiku and Llama."""
    at = para(doc, cut)
    if not 40 <= cut - at <= 1500 or not solid(doc.text[at:cut], 25) or not fresh(doc, at, cut):
        return None
    talk = rng.choice(
        [
            "I'm sorry for the incomplete reply. Starting over from the last paragraph:",
            "Whoops — ran out of room. Let me restate that part in full.",
            "不好意思，刚刚没有写完。我把最后一段重新写一遍：",
            "Tut mir leid, da fehlte etwas. Hier der letzte Absatz noch einmal vollständig:",
            "Pardon, la réponse était incomplète. Voici le paragraphe en entier :",
            "Disculpa, quedó a medias. Va de nuevo el último párrafo:",
            "죄송합니다. 마지막 단락부터 다시 쓰겠습니다.",
            "Scusa, si era interrotto. Riscrivo l'ultimo paragrafo:",
            "Прошу прощения, вот последний абзац целиком:",
        ]
    )
    return Reply(f"{talk}\n\n{doc.text[at:end]}")


def template_role(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A role marker of some chat template stands first; fine-tunes run with the wrong template."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "<|assistant|>\n",
                    "<|im_start|>assistant\n",
                    "### Response:\n",
                    "<start_of_turn>model\n",
                    "AI: ",
                    "ChatGPT: ",
                    "<|start_header_id|>assistant<|end_header_id|>\n\n",
                    "### Assistant: ",
                    "Answer (continued): ",
                    "**AI:** ",
                ]
            )
            + text
        )
        if text
        else None
    )


def heading_part(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A title of its own over the continuation, with a rule; GPT-4 and Mistral Large."""
    text = clean(doc, cut, end)
    if not text or not midline(doc, cut):
        return None
    return Reply(
        rng.choice(
            [
                "### Part II: remainder\n\n",
                "**Continuation (part 2)**\n\n---\n\n",
                "# (cont'd)\n\n",
                "## …continued from previous response\n\n",
                "### 接上文\n\n",
                "### 이어서\n\n",
                "## Продолжение\n\n",
                "## Continuação\n\n",
                "**Seguito**\n\n",
                "### Rest of Output\n\n---\n\n",
            ]
        )
        + text
    )


def marker_in_other_scripts(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A marker line in italics or brackets; models that answer in the user's language."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "*(suite)*",
                    "（接上文）",
                    "（続き）",
                    "(계속)",
                    "(продолжение)",
                    "*(continuación)*",
                    "(تابع)",
                    "[resumed output]",
                    "<!-- continued -->",
                    "[... picking up mid-sentence ...]",
                    "_(response 2 of 2)_",
                    "**(continues)**",
                ]
            )
            + "\n\n"
            + text
        )
        if text
        else None
    )


def item_again_renumbered(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken item of a numbered list is begun anew as number 1; Markdown-minded small models."""
    found = item(doc, cut)
    if not found or not found.group(1)[0].isdigit() or cut - found.end() < 10 or found.group(1)[:-1] == "1":
        return None
    return Reply(doc.text[found.start() : found.start(1)] + "1" + found.group(1)[-1] + doc.text[found.end(1) : end])


def previous_item_and_item_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Gives the last two list items anew after a remark; GPT-4o mini."""
    found = item(doc, cut)
    at = line_back(doc, cut, 1)
    if not found or cut - found.end() < 4 or not re.match(r"[ \t]*([-*+]|\d+[.)]) ", doc.text[at:]):
        return None
    return Reply(
        rng.choice(["(…list continued)\n\n", "Remaining bullets:\n\n", "", "其余要点：\n\n"]) + doc.text[at:end]
    )


def rule_and_marker(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A rule of another make, perhaps with a marker, then the exact rest in mid-line; web UIs of GPT and GLM."""
    return (
        Reply(
            rng.choice(["* * *\n\n", "⸻\n\n", "———\n\n", "=====\n", "---\n\n*continuing*\n\n", "- - -\n\n"])
            + rest(doc, cut, end)
        )
        if midline(doc, cut) and not set(doc.text[cut - 2 : cut + 2]) & set("-=*_+~")
        else None
    )


def fence_other_info(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Bare source held; the rest in a fence with a file name in or over it, or of tildes; aider and Copilot chats."""
    text = rest(doc, cut, end)
    if doc.kind != "code" or "```" in text or "~~~" in text or text[0] == "\n":
        return None
    name = doc.name.split("-")[-1] + ".py"
    top, bottom = rng.choice(
        [
            (f'```python title="{name}"', "```"),
            ("~~~python", "~~~"),
            (f"{name}\n```python", "```"),
            (f"```python:{name}", "```"),
            (f"**{name}** (continued)\n\n```py", "```"),
            ("````python", "````"),
        ]
    )
    return Reply(close(f"{top}\n{text}", bottom))


def fence_function_again_signoff(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Function begun anew in a fence, talk on both sides; every coding assistant."""
    found = function(doc, cut)
    if doc.kind != "code" or not found or cut - found[0] > 1500 or "```" in doc.text[found[0] : end]:
        return None
    talk = rng.choice(
        [
            f"Here's the complete `{found[2]}` and everything after it:",
            f"The code stopped inside `{found[2]}()`. Full version:",
            f"从 `{found[2]}` 开始的完整代码：",
        ]
    )
    bye = rng.choice(
        [
            "This completes this part of the module. Shall I go on?",
            "You can paste this right after the previous block.",
            "把这段接在前面的代码后面即可。",
        ]
    )
    return Reply(close(f"{talk}\n\n```python\n{doc.text[found[0] : end]}") + "\n\n" + bye)


def fence_bare_line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut within a fenced block; a preface, a fence with no language, the line anew; Gemma and Phi."""
    if not fenced(doc, cut) or len(partial(doc, cut).strip()) < 6:
        return None
    return Reply(
        rng.choice(["Rest of the snippet:\n\n", "(code continued)\n\n", ""])
        + rng.choice(["```\n", "```py\n"])
        + doc.text[doc.line_start(cut) : end]
    )


def omitted_lines_comment(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A comment for the code left out, then the line anew; GPT-4.1 and Claude with long files."""
    at = doc.line_start(cut)
    if not code(doc, cut) or len(partial(doc, cut).strip()) < 8 or in_string(doc, cut):
        return None
    indent = blanks(doc, at)
    count = doc.text.count("\n", 0, at)
    note = rng.choice(
        [
            f"# (lines 1-{count} unchanged)",
            "# --- continued from previous message ---",
            "# <previous code here>",
            "# ... rest of the code above remains the same ...",
            "# 前面的代码省略",
            "# ...continuing...",
        ]
    )
    return Reply(f"{indent}{note}\n{doc.text[at:end]}")


def class_and_signature_then_dots(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Class and function headers anew with dots for what was written; o1 and Claude on long classes."""
    found = function(doc, cut)
    if (
        doc.kind != "code"
        or not found
        or len(partial(doc, cut).strip()) < 8
        or cut - found[1] < 60
        or in_string(doc, cut)
    ):
        return None
    classes = list(re.finditer(r"^class \w+[^\n]*:\n", doc.text[: found[0]], re.M))
    at = doc.line_start(cut)
    indent = blanks(doc, at)
    if not classes or not doc.text.startswith("    def", found[0]) or len(indent) < 8:
        return None
    dots = rng.choice(["# ...", "...", "# (earlier methods)"])
    return Reply(
        f"{classes[-1].group()}    {dots}\n\n{doc.text[found[0] : found[1]]}"
        f"{indent}{rng.choice(['# ...', '...'])}\n{doc.text[at:end]}"
    )


def table_top_other_alignment(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Table header anew with colons in the separator, perhaps a caption, then the broken row; Gemini and Mistral."""
    found = table(doc, cut)
    if not found or len(partial(doc, cut)) < 5:
        return None
    head = found[0].group().split("\n")[0]
    columns = head.count("|") - 1
    rule = rng.choice(["|" + ":---|" * columns, "|" + " :---: |" * columns, "|" + "------|" * columns])
    return Reply(
        rng.choice(["", "**Table (cont.)**\n\n", "表格续：\n\n"]) + f"{head}\n{rule}\n{doc.text[found[1] : end]}"
    )


def csv_in_fence_with_top(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """CSV header and broken record anew in a csv fence; chat front ends of GPT-4o."""
    if doc.kind != "csv" or len(partial(doc, cut)) < 6:
        return None
    top = doc.text[: doc.text.index("\n") + 1]
    return Reply(
        close(rng.choice(["", "Remaining rows:\n\n"]) + "```csv\n" + top + doc.text[doc.line_start(cut) : end])
    )


def json_outer_object_reopened(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens the outer object and its array anew, then the broken element; GPT-4 asked to "finish the JSON"."""
    at = element(doc, cut)
    if at is None:
        return None
    opening = re.match(r"\s*\{\s*\"[^\"]+\":\s*\[\s*\n", doc.text)
    if not opening:
        return None
    return Reply(
        rng.choice(["", "```json\n", "Here's the rest of the JSON:\n\n```json\n"]) + opening.group() + doc.text[at:end]
    )


def wrapped_as_message(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The continuation as a chat message or status object; function-calling fine-tunes."""
    text = rest(doc, cut, end)
    made = rng.choice(
        [
            {"role": "assistant", "content": text},
            {"done": False, "output": text},
            {"part": 2, "answer": text},
            {"action": "continue", "action_input": text},
        ]
    )
    out = json.dumps(made, ensure_ascii=False)
    return Reply(f"```json\n{out}\n```" if rng.random() < 0.4 else out)


def wrapped_in_other_tags(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The continuation in other tags, perhaps with attributes; Claude and Nova with agent prompts."""
    tag, attr = rng.choice(
        [
            ("answer", ""),
            ("output", ""),
            ("response", ' part="2"'),
            ("document_continuation", ""),
            ("result", ""),
            ("assistant_response", ""),
            ("artifact", ' identifier="doc-1" type="text/markdown"'),
        ]
    )
    text = clean(doc, cut, end)
    if f"<{tag}" in doc.text or not text:
        return None
    return Reply(f"<{tag}{attr}>\n{close(text, f'</{tag}>')}")


def reasoning_of_other_kinds(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Reasoning in other marks than think tags; gpt-oss, Kimi, Gemini Thinking, Claude with prompts for it."""
    text = clean(doc, cut, end)
    if not text:
        return None
    thought = rng.choice(
        [
            "The reply was cut by the limit; I finish it from the same place.",
            "We need to continue exactly. No repetition. Keep style.",
            "User says continue. Last token is mid-way, so append the rest.",
        ]
    )
    return Reply(
        rng.choice(
            [
                f"<|channel|>analysis<|message|>{thought}<|end|><|start|>assistant<|channel|>final<|message|>{text}",
                f"◁think▷{thought}◁/think▷\n\n{text}",
                f"<thinking>{thought}</thinking>\n\n{text}",
                f"<reasoning>\n{thought}\n</reasoning>\n{text}",
                f"*Thinking…*\n\n> {thought}\n\n{text}",
                f"<details><summary>Thought process</summary>\n\n{thought}\n\n</details>\n\n{text}",
                f"[THINK]{thought}[/THINK]{text}",
                f"<seed:think>{thought}</seed:think>\n{text}",
            ]
        )
    )


def reasoning_end_only(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Reasoning with the closing tag alone, as the other is in the template; R1 distillations and Qwen3 on vLLM."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "Okay, so they want the remaining part. I should keep going without restating.\n</think>\n\n",
                    "好，用户要求继续，我直接输出后面的内容。\n</think>\n\n",
                    "\n</think>\n\n",
                ]
            )
            + text
        )
        if text
        else None
    )


def last_words_in_bold(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last words in bold or quotes with dots, then the continuation; Sonar and GPT-4o."""
    text = clean(doc, cut, end)
    tail = partial(doc, cut)[-50:]
    tail = tail[tail.find(" ") + 1 :] if " " in tail else ""
    if not text or not prose(doc, cut) or len(tail) < 12 or re.search(r"[*`\"“”|]", tail) or tail != tail.strip():
        return None
    return Reply(rng.choice([f"**…{tail}**\n\n{text}", f'"…{tail}"\n\n{text}', f"*[Last line: …{tail}]*\n\n{text}"]))


def says_where_it_was(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says in what line, function or section it stopped, then goes on exactly; GPT-5 and Claude agents."""
    text = clean(doc, cut, end)
    found, top = function(doc, cut), heading(doc, cut)
    place = f"the body of `{found[2]}`" if found else f"the section “{top.group(2)}”" if top else None
    if not text or not place:
        return None
    return Reply(
        rng.choice(
            [
                f"We were in the middle of {place}, so I'll carry straight on.",
                f"Last time I got partway through {place}. Next characters:",
                f"Resuming inside {place}.",
            ]
        )
        + "\n\n"
        + text
    )


def repeat_other_dashes(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines with other dashes, dots or blanks; models that typeset."""
    if not prose(doc, cut):
        return None
    at = max(para(doc, cut), line_back(doc, cut, 3))
    old = doc.text[at:cut]
    new = (
        re.sub(r" -{1,3} ", " — ", old).replace("--", "—").replace("...", "…").replace(" – ", " - ").replace("—", "-")
        if "—" in old
        else re.sub(r"(?<=\w)-(?=\w)", "\u2011", re.sub(r"(?<=[.:])  (?=\S)", " ", old))
        .replace("...", "…")
        .replace("“", '"')
        .replace("”", '"')
        .replace("’", "'")
    )
    return (
        Reply(new + rest(doc, cut, end)) if new != old and len(old) >= 40 and not old.rstrip().startswith("+") else None
    )


def repeat_dedented(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines of code with their indentation lost, then continues right; chat models on nested code."""
    if doc.kind != "code":
        return None
    at = line_back(doc, cut, rng.randint(1, 3))
    old = doc.text[at:cut]
    lines = old.split("\n")
    depth = len(lines[0]) - len(lines[0].lstrip())
    if (
        depth < 4
        or len(old.strip()) < 40
        or not lines[-1].strip()
        or any(line.strip() and not line.startswith(" " * depth) for line in lines)
    ):
        return None
    return Reply("\n".join(line[depth:] for line in lines) + rest(doc, cut, end))


def repeat_other_case(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the end of the sentence from its middle, with a capital at its start; nearly all models on prose."""
    if not prose(doc, cut) or "::=" in partial(doc, cut) or "  " in partial(doc, cut).strip():
        return None
    at = sentence(doc, cut)
    spots = [m.start() for m in re.finditer(r"(?<=\s)[a-z]", doc.text[at : cut - 18])]
    if not spots:
        return None
    start = at + rng.choice(spots[-6:])
    return Reply(doc.text[start].upper() + doc.text[start + 1 : end])


def repeat_with_two_edits(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines with a word dropped and one added; local models at high temperature."""
    if not prose(doc, cut):
        return None
    at = sentence(doc, cut)
    words = re.findall(r"\S+\s*", doc.text[at:cut])
    if not 14 <= len(words) <= 70 or table_art(doc.text[at:cut]) or not fresh(doc, at, cut):
        return None
    words.insert(rng.randrange(3, len(words) - 8), rng.choice(["also ", "simply ", "then ", "usually "]))
    spots = [
        i for i in range(3, len(words) - 6) if words[i].strip() in ("the", "a", "of", "is", "that", "to", "in", "be")
    ]
    if spots:
        del words[rng.choice(spots)]
    return Reply("".join(words) + rest(doc, cut, end))


def short_overlap_after_preface(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A few repeated characters, from the middle of a word on, after a preface; models told to overlap a little."""
    at = cut - rng.randint(12, 24)
    if "\n" in doc.text[at:cut] or not doc.text[at].isalpha() or not midline(doc, cut):
        return None
    return Reply(
        rng.choice(["Continuing…", "Going on with a small overlap:", "…and onwards:", "続き："])
        + "\n\n"
        + doc.text[at:end]
    )


def tail_twice(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines twice before going on; small models that stumble at the seam."""
    at = line_back(doc, cut, rng.randint(1, 3))
    old = doc.text[at:cut]
    return (
        Reply(old + "\n\n" + doc.text[at:end])
        if 40 <= len(old) <= 500 and solid(old, 25) and fresh(doc, at, cut) and not old.endswith("\n")
        else None
    )


def repeats_then_notices(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last lines, notices it in brackets, then goes on; reasoning models with leaking thoughts."""
    at = line_back(doc, cut, rng.randint(1, 2))
    text = clean(doc, cut, end)
    if cut - at < 40 or not text or not solid(doc.text[at:cut], 25) or not fresh(doc, at, cut):
        return None
    return Reply(
        doc.text[at:cut]
        + "\n\n"
        + rng.choice(
            [
                "(That part was already there — moving on.)",
                "[already output above; new text starts here]",
                "Wait, I've written that already. Continuing with the new part:",
            ]
        )
        + "\n\n"
        + text
    )


def whole_document_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Gives the whole answer again, complete this time, after a preface; GPT-4.1 and Gemini Pro."""
    if cut > 6000:
        return None
    return Reply(
        rng.choice(
            [
                "Here's the full version, uncut:\n\n",
                "Sure, complete output below.\n\n",
                "完整内容如下：\n\n",
                "Voici la version complète :\n\n",
                "I've regenerated the whole thing so nothing is missing:\n\n",
            ]
        )
        + doc.text[:end]
    )


def section_heading_translated_mark(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Heading of the section again with a mark, then the exact continuation; Claude and Qwen on reports."""
    found = heading(doc, cut)
    text = clean(doc, cut, end)
    if not found or not text or not midline(doc, cut):
        return None
    mark = rng.choice([" (Forts.)", " — part 2", " (cont.)", "（続き）", " (продолжение)", " [continued]", " (segue)"])
    return Reply(f"{found.group(1)} {found.group(2)}{mark}\n\n{text}")


def word_again_after_dots(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Dots, then the broken word in full; Claude and GPT-4 in mid-sentence."""
    at = word(doc, cut)
    if not midword(doc, cut) or cut - at < 3 or not prose(doc, cut):
        return None
    return Reply(rng.choice(["…", "...", "— ", "[…] "]) + doc.text[at:end])


def word_again_after_preface(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A preface and the broken word in full; common."""
    at = word(doc, cut)
    if not midword(doc, cut) or cut - at < 3:
        return None
    return Reply(
        rng.choice(
            [
                "Carrying on:",
                "Okay — from the unfinished word:",
                "接着写：",
                "Fortsetzung ab dem letzten Wort:",
                "Voici la suite, à partir du mot coupé :",
            ]
        )
        + "\n\n"
        + doc.text[at:end]
    )


def few_words_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins with the last two or three words; models told to "start with the last words"."""
    tail = list(re.finditer(r"\S+", partial(doc, cut)))
    count = rng.randint(2, 4)
    if len(tail) <= count:
        return None
    at = doc.line_start(cut) + tail[-count].start()
    return (
        Reply(doc.text[at:end])
        if solid(doc.text[at:cut], 7) and not table_art(doc.text[at:cut]) and doc.text[at:cut] not in doc.text[cut:end]
        else None
    )


def omitted_note_then_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Notes that earlier text is left out and starts at the last paragraph or line; o3 and Claude."""
    at = doc.line_start(cut) if rng.random() < 0.5 else line_back(doc, cut, 2)
    if not solid(doc.text[at:cut], 18) or not fresh(doc, at, cut):
        return None
    return Reply(
        rng.choice(
            [
                "[... previous content omitted for brevity ...]",
                "(earlier text omitted)",
                "[snip]",
                "<previous output trimmed>",
                "……（前文略）……",
                "[…]",
            ]
        )
        + "\n\n"
        + doc.text[at:end]
    )


def signoff_other_tongues(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Closing remark or question in several tongues and forms; all chat models."""
    return Reply(
        finish(
            rest(doc, cut, end),
            rng.choice(
                [
                    "Shall I proceed with the following section?",
                    '---\n\nThat covers the part that was cut off. Just say "continue" if you need more.',
                    "Hope that clears things up! 😊",
                    "*Want me to keep going?*",
                    "需要我继续写下去吗？",
                    "以上就是剩余内容，希望对您有帮助！",
                    "この先も続けますか？",
                    "도움이 되셨길 바랍니다!",
                    "Soll ich mit dem nächsten Teil weitermachen?",
                    "Souhaitez-vous que je poursuive ?",
                    "¡Espero que te sea útil!",
                    "Espero ter ajudado!",
                    "Если нужно, продолжу дальше.",
                    "هل تريد أن أواصل؟",
                    "Fammi sapere se devo andare avanti.",
                    "Devam etmemi ister misin?",
                ]
            ),
        )
    )


def footer_of_part(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A footer that counts parts or says the limit was hit again; GPT-4, Claude, Yi."""
    return Reply(
        finish(
            rest(doc, cut, end),
            rng.choice(
                [
                    "— end of part 2 —",
                    "**(2/3)**",
                    '[Output limit reached, reply "continue" for more]',
                    "*[Message truncated]*",
                    "⏭️ Next part follows.",
                    "（本段完，下段继续）",
                    "--- to part 3 ---",
                    "[END OF RESPONSE]",
                    "[Continue? y/n]",
                ]
            ),
        )
    )


def plan_list_then_go(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A short plan as a list, then the continuation; agentic models."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "Plan:\n1. Finish the interrupted line\n2. Complete the remaining content\n\n---\n\n",
                    "What I'll do next:\n- complete the unfinished bit\n- keep the formatting identical\n\n"
                    "Continuing now.\n\n",
                    "Status: output was truncated. Action: append the missing tail.\n\n",
                ]
            )
            + text
        )
        if text
        else None
    )


def echo_of_long_request(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The client's long instruction is repeated first; small models and base models."""
    text = clean(doc, cut, end)
    return (
        Reply(
            rng.choice(
                [
                    "User: Your previous response was cut off. Please continue exactly where you stopped.\n\n"
                    "Assistant: ",
                    "Please continue from exactly where you left off, without repeating anything.\n\n",
                    '"Continue your answer from the last character."\n\n',
                    "[INST] Continue [/INST] ",
                    "Q: please go on\nA: ",
                    "用户：请继续\n助手：",
                ]
            )
            + text
        )
        if text
        else None
    )


def html_entities(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Marks come as HTML entities all through; models fed from web pages, or servers that escape."""
    text = rest(doc, cut, end)
    return (
        Reply(html.escape(text, quote=rng.random() < 0.5))
        if "&" not in doc.text and len(re.findall("[<>]", text)) >= 3 and text[0] != "\n"
        else None
    )


def invisible_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A byte-order mark, zero-width sign or stray no-break blank first; proxies and some Gemini previews."""
    sign = rng.choice(["\ufeff", "\u200b", "\u200e", "\u2060"])
    return Reply(sign + rest(doc, cut, end))


def template_tail(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Template tokens, or an invented next user turn, at the end; base models and bad stop words."""
    return Reply(
        rest(doc, cut, end)
        + rng.choice(
            [
                "<end_of_turn>",
                "<|endoftext|>",
                "<｜end▁of▁sentence｜>",
                "<|end|>",
                " [/INST]",
                "<|endoftext|>Human: thanks, that is all",
                "\n\nUser: thank you!\nAssistant: You're welcome!",
                "<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
            ]
        )
    )


def fence_of_format_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The rest of a log, JSON or CSV in a fence of its format; all chat models."""
    text = clean(doc, cut, end)
    info = {
        "json": "json",
        "log": rng.choice(["log", "text", "", "plaintext"]),
        "csv": rng.choice(["csv", "", "text"]),
    }.get(doc.kind)
    return (
        None
        if info is None or not text
        else Reply(close(rng.choice(["", "Continuing the output:\n\n"]) + f"```{info}\n{text}"))
    )


def quoted_whole(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """All of the continuation as a blockquote after a preface; Bing and mail-like fine-tunes."""
    text = clean(doc, cut, end)
    if not text or not prose(doc, cut) or doc.kind != "prose" or re.search(r"^>", doc.text, re.M):
        return None
    lines = text.rstrip("\n").split("\n")
    return Reply(
        "Here is the remaining text:\n\n"
        + "\n".join(("> " + line) if line else ">" for line in lines)
        + text[len(text.rstrip("\n")) :]
    )


def log_lines_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last two or three records of a log or table of values anew, then new ones; models that fill in logs."""
    if doc.kind not in ("log", "csv"):
        return None
    return Reply(
        rng.choice(["", "...\n", "(log continued)\n", "[previous entries omitted]\n"])
        + doc.text[line_back(doc, cut, rng.randint(1, 3)) : end]
    )


def exact_that_looks_like_talk(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An exact continuation that begins with words talk begins with; must stay whole."""
    text = rest(doc, cut, end)
    return (
        Reply(text)
        if re.match(
            r"\s*(Note|Here|Now|The following|In this|Let'?s?|See|Sure|Next|Continu|Again|Also|Please"
            r"|If you|This|You can|Use|Return|As |I |We |We'|Sorry|Of course|Okay|Thank|好|当然|接|Hier|Voici|Claro)\b",
            text,
        )
        else None
    )


def exact_with_talk_like_end(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An exact continuation whose last paragraph reads like a note, question or rule; must stay whole."""
    text = rest(doc, cut, end)
    last = text.rstrip("\n").split("\n")[-1].strip()
    return (
        Reply(text)
        if last.endswith("?") or re.match(r"(Note|---|\[|\(|If |See |Let |For more|In this|You )", last)
        else None
    )


def exact_repeating_held_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An exact continuation whose first words also stand just before the cut, in prose or code; must stay whole."""
    text = rest(doc, cut, end)
    first = re.match(r"\W*\w+\W+\w+", text)
    return (
        Reply(text)
        if first and len(first.group().strip()) >= 5 and first.group().strip() in doc.text[max(0, cut - 160) : cut]
        else None
    )


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        preface_chatty, preface_two_paragraphs, preface_same_line_mixed, blank_swallowed,
        blank_swallowed_after_preface, apology_then_paragraph_again, template_role, heading_part,
        marker_in_other_scripts, item_again_renumbered, previous_item_and_item_again, rule_and_marker,
        fence_other_info, fence_function_again_signoff, fence_bare_line_again, omitted_lines_comment,
        class_and_signature_then_dots, table_top_other_alignment, csv_in_fence_with_top, json_outer_object_reopened,
        wrapped_as_message, wrapped_in_other_tags, reasoning_of_other_kinds, reasoning_end_only, last_words_in_bold,
        says_where_it_was, repeat_other_dashes, repeat_dedented, repeat_other_case, repeat_with_two_edits,
        short_overlap_after_preface, tail_twice, repeats_then_notices, whole_document_again,
        section_heading_translated_mark, word_again_after_dots, word_again_after_preface, few_words_again,
        omitted_note_then_again, signoff_other_tongues, footer_of_part, plan_list_then_go, echo_of_long_request,
        html_entities, invisible_first, template_tail, fence_of_format_around, quoted_whole, log_lines_again,
        exact_that_looks_like_talk, exact_with_talk_like_end, exact_repeating_held_words,
    )
}  # fmt: skip
