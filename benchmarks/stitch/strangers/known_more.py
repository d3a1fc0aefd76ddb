"""More of what models do at a join, by a second author without sight of the rules: the half that may be looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
from benchmarks.stitch.strangers._more import (
    data,
    enclosing,
    ended,
    led,
    swapped,
    whole,
    words_back,
)
from benchmarks.stitch.strangers._places import (
    blanks,
    clean,
    close,
    code,
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


def preface_in_european_tongues(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A sentence about going on, in the language of the user; GPT-4o mini, Mistral Small and EuroLLM."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "Jasne, kontynuuję od miejsca, w którym przerwałem:",
            "Natuurlijk, ik ga verder waar ik gebleven was:",
            "Självklart, jag fortsätter där jag slutade:",
            "Samozřejmě, pokračuji přesně tam, kde jsem skončil:",
            "Βεβαίως, συνεχίζω από το σημείο όπου σταμάτησα:",
            "Desigur, continui exact de unde am rămas:",
            "Persze, onnan folytatom, ahol abbahagytam:",
            "Toki, jatkan siitä mihin jäin:",
            "Звісно, продовжую з того місця, де зупинився:",
            "Selvfølgelig, jeg fortsætter, hvor jeg slap:",
            "Разбира се, продължавам оттам, където спрях:",
            "Naravno, nastavljam točno tamo gdje sam stao:",
            "És clar, continuo des d'on ho havia deixat:",
        ],
    )


def preface_in_asian_tongues(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The same further east, in plain and polite registers; Qwen, SeaLLM, Sarvam, HyperCLOVA, GPT-4o."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "בטח, ממשיך בדיוק מהמקום שבו עצרתי:",
            "البته، از همان جایی که متوقف شدم ادامه می‌دهم:",
            "जी हाँ, जहाँ रुका था वहीं से आगे लिख रहा हूँ:",
            "অবশ্যই, যেখানে থেমেছিলাম সেখান থেকে লিখছি:",
            "ได้เลยครับ ขอเขียนต่อจากที่ค้างไว้:",
            "Vâng, tôi xin tiếp tục từ chỗ đang dở:",
            "Baik, saya lanjutkan dari bagian yang terpotong:",
            "沒問題，我從剛才中斷的地方接著寫：",
            "承知いたしました。途切れた箇所より続けて出力いたします。",
            "うん、じゃあ続きね。",
            "네, 끊긴 부분부터 이어서 작성하겠습니다.",
            "응, 이어서 쓸게.",
            "جی ضرور، وہیں سے آگے لکھتا ہوں:",
            "நிச்சயமாக, நிறுத்திய இடத்திலிருந்து தொடர்கிறேன்:",
            "Sige, itutuloy ko mula sa naputol na bahagi:",
        ],
    )


def preface_in_bold(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A bold or italic lead-in on its own line; GPT-4o and Gemini 2 in chat windows."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "**Picking up exactly where it broke off:**",
            "*Resuming mid-way…*",
            "**Rest of the answer**",
            "__Carrying on__",
            "**Remaining text (verbatim continuation):**",
            "***Back to it:***",
            "**Dalsza część odpowiedzi:**",
            "**続きはこちらです：**",
        ],
    )


def preface_with_emoji(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A cheerful line with emoji; Llama 4, GPT-4o of spring 2025, Grok."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "🚀 Let's keep rolling!",
            "👇 Here's what was missing",
            "✅ Resuming right at the break",
            "Got you! 😊 Continuing below ⬇️",
            "➡️",
            "📝 **Next chunk**",
            "🔄 Continuing…",
            "Haha, got cut off there 😅 — moving on:",
            "好的呢～👇",
        ],
    )


def preface_html_comment(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A comment of HTML that marks the seam; Claude and GPT-4.1 that write files."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "<!-- continued from previous output -->",
            "<!-- continuation starts here -->",
            "<!-- CONTINUE -->",
            "<!-- resuming at the point of truncation -->",
        ],
        ["\n", "\n\n"],
    )


def preface_that_agrees(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Agrees with the user that something is missing; Claude Sonnet 4 and GPT-4o when they flatter."""
    return led(
        rng,
        doc,
        cut,
        end,
        [
            "You're absolutely right, I stopped in the middle of a thought.",
            "Good catch! The text did break off.",
            "You're right to point that out. The missing part is below.",
            "Excellent, let's see this through to the end.",
            "Ah yes, that was incomplete. Finishing it now.",
            "Masz rację, tekst się urwał.",
            "Je hebt gelijk, dat was niet af.",
        ],
        ["\n\n"],
    )


def preface_names_section(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Names the section it is in, then goes on exactly; Gemini Pro and GPT-4.1 in reports."""
    found = heading(doc, cut)
    if not found:
        return None
    talk = rng.choice(
        [
            "Continuing with the section “{}”:",
            "Still in section **{}**:",
            "(section: {}, continued)",
            "Returning to *{}*.",
            "Dalej w części „{}”:",
        ]
    )
    return led(rng, doc, cut, end, [talk.format(found.group(2).replace("`", ""))], ["\n\n"])


def note_of_word_count(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says how much it has written; GPT-4 and Claude with demands on the length."""
    count = len(rest(doc, cut, end).split())
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            f"(Word count: {count})",
            f"*Approx. {round(count, -1) or 10} words*",
            f"[{count} words in this part]",
            f"（本部分约 {count} 字）",
        ],
    )


def note_of_caution(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A disclaimer behind the text; Gemini, Llama 2 chat, GPT-4."""
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            "*Disclaimer: this text was generated by an AI and may contain mistakes. Please verify it.*",
            "Please note that I cannot guarantee the accuracy of the above.",
            "**Note:** The above is for informational purposes only and is no professional advice.",
            "⚠️ AI-generated content. Check important facts.",
            "（以上内容由AI生成，仅供参考）",
            "Uwaga: treść wygenerowana przez AI, może zawierać błędy.",
        ],
    )


def note_of_further_questions(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A list of questions that one could ask next; Copilot, Perplexity, Gemini in apps, Grok 3."""
    head = rng.choice(["**You could ask next:**", "Related questions:", "### Suggested follow-ups", "猜你想问："])
    asks = [
        "How would this look in practice?",
        "What are the most common mistakes here?",
        "Can you give me a shorter version?",
        "Which alternatives are there?",
    ]
    return Reply(finish(rest(doc, cut, end), f"{head}\n\n" + "\n".join(f"- {ask}" for ask in rng.sample(asks, 3))))


def note_lonely_dots(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Dots on a line of their own behind the text; models that show that there would be more."""
    if code(doc, cut):
        return None
    return ended(rng, doc, cut, end, ["...", "…", "[...]", "(...)", ". . .", "……"])


def note_explains_code(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An explanation in sentences behind bare code; StarChat, Codestral, GPT-4o in editors."""
    found = function(doc, cut)
    if not found or doc.kind != "code":
        return None
    return ended(
        rng,
        doc,
        cut,
        end,
        [
            f"This completes `{found[2]}`. It can now be called like any other function; no imports are missing.",
            f"**Explanation**\n\n- `{found[2]}` is finished first.\n- The remaining definitions follow as planned.",
            "Save the file and run it with Python 3. Let me know if you run into an error!",
            f"以上代码补全了 `{found[2]}` 的其余部分。",
        ],
    )


def last_words_capitalised(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Takes up the last words as if they began a sentence, with a capital; GPT-4o mini, Llama 3 8B."""
    at = words_back(doc, cut, rng.randint(4, 8)) if prose(doc, cut) else None
    if at is None or not doc.text[at].islower() or not fresh(doc, at, cut):
        return None
    return Reply(doc.text[at].upper() + doc.text[at + 1 : end])


def last_words_in_brackets(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Puts the last words in brackets for orientation and goes on behind them; PaLM 2, Claude 2, Yi 34B."""
    at = words_back(doc, cut, rng.randint(3, 6)) if midline(doc, cut) and prose(doc, cut) else None
    if at is None or not fresh(doc, at, cut) or set(doc.text[at:cut]) & set("()[]\n"):
        return None
    left, right = rng.choice([("[...", "]"), ("(…", ")"), ("[", "]"), ("(... ", " ...)")])
    return Reply(f"{left}{doc.text[at:cut].rstrip()}{right}{doc.text[cut - 1] * doc.text[:cut].endswith(' ')}"
                 f"{rest(doc, cut, end)}")  # fmt: skip


def last_records_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last few whole records and the broken one; data jobs with Claude Haiku and Llama 3.3."""
    if doc.kind not in ("csv", "log") or not partial(doc, cut).strip():
        return None
    talk = rng.choice(["", "", "Last few rows repeated so that they can be matched:\n\n", "(overlap of some rows)\n"])
    return Reply(talk + doc.text[line_back(doc, cut, rng.randint(2, 4)) : end])


def last_items_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last two or three items of a list, the broken one among them; GPT-4o and Gemini."""
    found = item(doc, cut)
    if not found:
        return None
    at = line_back(doc, cut, rng.randint(1, 2))
    lines = doc.text[at : found.start()].splitlines()
    if not all(re.match(r"[ \t]*([-*+]|\d+[.)]) ", line) for line in lines):
        return None
    return Reply(rng.choice(["", "", "...\n"]) + doc.text[at:end])


def item_again_without_marker(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken item's text again, but not its bullet; Claude and GPT-4.1 with the list still open."""
    found = item(doc, cut)
    return Reply(doc.text[found.end() : end]) if found and fresh(doc, found.end(), cut) else None


def two_paragraphs_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last whole paragraph and the broken one; Command R+, Gemini 1.5 Flash."""
    if not prose(doc, cut):
        return None
    start = para(doc, cut)
    at = para(doc, start - 2) if start > 2 else 0
    if doc.text[at:start].startswith("\n") or cut - at > 2500 or cut - start < 10 or not fresh(doc, at, cut):
        return None
    talk = rng.choice(["", "", "Going back two paragraphs for continuity:\n\n", "Z krótkim powtórzeniem:\n\n"])
    return Reply(talk + doc.text[at:end])


def title_and_section_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The document's title, the section's heading, then the broken paragraph; Claude and GPT-4 on reports."""
    found = heading(doc, cut)
    title = re.match(r"# [^\n]+\n", doc.text)
    at = para(doc, cut)
    if not found or not title or found.start() == 0 or at <= found.start() or not fresh(doc, at, cut):
        return None
    return Reply(f"{title.group()}\n{found.group()}\n{doc.text[at:end]}")


def section_again_in_bold(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last section from its heading, which is now a bold line or one level lower; Gemini 2, Mistral Large."""
    found = heading(doc, cut)
    if not found or not 20 < cut - found.end() < 3000:
        return None
    name = found.group(2)
    head = rng.choice([f"**{name}**", f"{found.group(1)}# {name}", f"**{name}:**", f"{found.group(1)} **{name}**"])
    return Reply(f"{head}\n{doc.text[found.end() : end]}")


def line_again_without_indent(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken line of code from its first letter, its indentation gone; APIs that strip the reply."""
    at = doc.line_start(cut)
    if not (code(doc, cut) or doc.kind == "json") or not blanks(doc, at) or not solid(partial(doc, cut), 5):
        return None
    return Reply(doc.text[at:end].lstrip(" \t"))


def imports_and_function_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The imports once more so that the piece stands for itself, then the broken function; o1-mini, DeepSeek coder."""
    found = function(doc, cut)
    block = re.search(r"^(?:(?:import|from) [^\n(]+\n)+", doc.text[:cut], re.M)
    if doc.kind != "code" or not found or not block or found[0] < block.end() or blanks(doc, found[0]):
        return None
    return Reply(f"{block.group()}\n\n{doc.text[found[0] : end]}")


def enclosing_block_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The loop or branch again from its head, with its indentation or without; Codestral, Qwen 2.5 coder."""
    at = enclosing(doc, cut)
    if at is None or not fresh(doc, at, cut):
        return None
    return Reply(doc.text[at:end].lstrip(" ") if rng.random() < 0.4 else doc.text[at:end])


def table_top_and_last_row_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Header of the table, the last whole row and the broken one; GPT-4.1, Llama 3.3."""
    found = table(doc, cut)
    if not found or len(partial(doc, cut)) < 4:
        return None
    at = line_back(doc, cut, 1)
    return Reply(found[0].group() + doc.text[at:end]) if at >= found[0].end() else None


def comma_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut right behind a comma or semicolon, which the reply gives a second time; base models, Llama 3 with prefill."""
    sign, text = doc.text[cut - 1], rest(doc, cut, end)
    return Reply(sign + text) if sign in ",;" and text[0] in " \n" and midline(doc, cut - 1) else None


def repeat_with_full_width_signs(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last sentence again with Chinese commas, colons and brackets; Qwen 1.5, ChatGLM, Yi."""
    at = sentence(doc, cut) if prose(doc, cut) else None
    if at is None or not 25 < cut - at < 500 or not fresh(doc, at, cut):
        return None
    old = doc.text[at:cut]
    new = re.sub(r"([,:;])(?: |(?=\n))", lambda m: "，：；"[",:;".index(m.group(1))], old)
    new = re.sub(r" ?\(([^()\n]*)\)", r"（\1）", new)
    return Reply(new + rest(doc, cut, end)) if new != old and new[-4:] == old[-4:] else None


def repeat_contracted(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The last sentences again with "do not" made "don't", or the reverse; GPT-4o in a casual or a formal mood."""
    pairs = {
        "do not": "don't", "does not": "doesn't", "is not": "isn't", "are not": "aren't", "cannot": "can't",
        "it is": "it's", "will not": "won't", "should not": "shouldn't", "has not": "hasn't", "did not": "didn't",
        "must not": "mustn't", "would not": "wouldn't", "was not": "wasn't", "that is": "that's",
    }  # fmt: skip
    at = para(doc, cut)
    old = doc.text[at:cut]
    if not prose(doc, cut) or not 40 < len(old) < 1500 or not fresh(doc, at, cut):
        return None
    new = swapped(rng, old, pairs)
    if new is None:
        new = re.sub(r"\b(do|does|is|are|did|has)n't\b", r"\1 not", old[:-8]) + old[-8:]
    return Reply(new + rest(doc, cut, end)) if new != old else None


def repeat_with_typo(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The broken line again with two letters swapped, or one lost; 4-bit models of 1 to 3 billion parameters."""
    at = doc.line_start(cut)
    old = doc.text[at:cut]
    spots = [m.start() + 1 for m in re.finditer(r"[a-z]{5,}", old[:-8])]
    if not spots or not solid(old, 20) or code(doc, cut) or data(doc):
        return None
    i = rng.choice(spots)
    new = rng.choice([old[:i] + old[i + 1] + old[i] + old[i + 2 :], old[:i] + old[i + 1 :]])
    return Reply(new + rest(doc, cut, end)) if new != old else None


def repeat_with_code_marks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The paragraph again with names in backticks instead of quotes or stars; all chat models, on manuals."""
    at = para(doc, cut)
    old = doc.text[at:cut]
    if not prose(doc, cut) or not 40 < len(old) < 1200 or table_art(old) or "`" in old or not fresh(doc, at, cut):
        return None
    new = re.sub(r'"([\w.()\[\]]+)"|\*([\w.]+)\*', lambda m: f"`{m.group(1) or m.group(2)}`", old)
    return Reply(new + rest(doc, cut, end)) if new != old and new[-3:] == old[-3:] else None


def word_goes_on_after_hyphen(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A hyphen or dots before the rest of a broken word; ChatGPT and Claude, as in print."""
    at = word(doc, cut)
    if not midword(doc, cut) or cut - at < 3 or not prose(doc, cut) or not doc.text[at : cut + 2].isalpha():
        return None
    return Reply(rng.choice(["-", "-", "‑", "...", "…"]) + rest(doc, cut, end))


def nothing_to_go_on_with(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says that it has nothing to continue, or asks back; models whose history a proxy has trimmed."""
    return Reply(
        rng.choice(
            [
                "I'm sorry, but I don't see any previous message. Could you paste the text you want me to continue?",
                "There's no earlier content in this conversation for me to continue. What would you like me to write?",
                "It looks like my previous response was already complete. Is there anything else you need?",
                "抱歉，我没有看到需要继续的内容，请把前文发给我。",
                "Nie widzę wcześniejszej wiadomości. Czy możesz ją wkleić?",
                "Jag ser inget tidigare svar att fortsätta på. Kan du klistra in texten?",
            ]
        ),
        expect="nothing_new",
    )


def blank_lost_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut behind a comma or semicolon, the reply begins with the next word; APIs that strip what they return."""
    text = rest(doc, cut, end)
    if not prose(doc, cut) or not re.match(r" [^\W_]", text) or not re.search(r"^.{3,50}[a-z][,;]$", partial(doc, cut)):
        return None
    return Reply(text[1:])


def break_lost_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut at the end of a record or row, the reply begins with the next one and no line break; stripped replies."""
    text = rest(doc, cut, end)
    row = data(doc) or (table(doc, cut) and doc.text[cut - 1] == "|")
    if not row or not re.match(r"\n[^\n]", text) or not partial(doc, cut).strip():
        return None
    return Reply(text[1:] if doc.kind != "json" else text.lstrip())


def indent_lost_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut at the start of a line in a block, whose indentation the reply does not have; stripped replies."""
    text = rest(doc, cut, end)
    if doc.line_start(cut) != cut or not re.match(r" +\S", text) or in_string(doc, cut):
        return None
    last = doc.text[:cut].rstrip("\n").rpartition("\n")[2]
    depth = len(last) - len(last.lstrip(" "))
    opens = code(doc, cut) and last.endswith(":") and len(blanks(doc, cut)) == depth + 4
    return Reply(text.lstrip(" ")) if opens or doc.kind == "json" else None


def hard_blank_at_seam(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The blank between two words comes as a no-break space; Mistral in French, GPT-5, text from web pages."""
    text = rest(doc, cut, end)
    if not prose(doc, cut) or not re.match(r" [^\W_]", text) or not doc.text[cut - 1].isalnum():
        return None
    return Reply(rng.choice(["\u00a0", "\u202f"]) + text[1:])


def tildes_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The rest in a fence of tildes; Qwen and Yi, models that fear backticks in the text."""
    text = clean(doc, cut, end)
    if not text or "~~~" in doc.text:
        return None
    return Reply(close(rng.choice(["~~~\n", "~~~text\n", "~~~~\n"]) + text, "~~~"))


def data_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Bare data is held; the rest comes in a fence with the name of the format; all chat models."""
    text = clean(doc, cut, end)
    if not data(doc) or not text:
        return None
    if rng.random() < 0.5:
        text = doc.text[doc.line_start(cut) : end]
    return Reply(close(f"```{rng.choice([doc.kind, doc.kind, '', 'text'])}\n{text}"))


def fence_closed_then_reopened(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut in a code block: closes it, perhaps talks, opens another and goes on; GPT-4o, DeepSeek V3."""
    text = clean(doc, cut, end)
    if not text or not fenced(doc, cut):
        return None
    talk = rng.choice(["", "Continuing the code:\n\n", "(code continues)\n\n", "Rest of the block:\n\n"])
    return Reply(f"```\n\n{talk}```{rng.choice(['python', 'py', ''])}\n{text}")


def rules_on_both_sides(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk, a rule, the continuation, a rule, an offer; Claude Sonnet, GPT-4o, Kimi."""
    text = clean(doc, cut, end)
    if not text:
        return None
    top = rng.choice(["Here's the next portion:", "Sure, picking it up:", "Oto dalszy ciąg:", "Tuurlijk:"])
    low = rng.choice(["Shall I go further?", "Anything to change?", "Mam pisać dalej?", "Zal ik doorgaan?"])
    return Reply(finish(f"{top}\n\n---\n\n{text}", f"---\n\n{low}"))


def artifact_around(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The tags of a document pane are in the text; Claude with artifacts, ChatGPT with canvas, code agents."""
    text = clean(doc, cut, end)
    if not text or "<" in text:
        return None
    top, low = rng.choice(
        [
            ('<antArtifact identifier="continuation" type="text/markdown" title="Continuation">', "</antArtifact>"),
            ('<artifact id="rest" title="Rest of the document">', "</artifact>"),
            ('<document title="Continuation">', "</document>"),
            ('<boltAction type="file">', "</boltAction>"),
            (":::writing", ":::"),
        ]
    )
    return Reply(close(f"{top}\n{text}", low))


def escaped_for_html(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Quotes and angle brackets come as entities all through the reply; web front ends used as an API."""
    text = rest(doc, cut, end)
    if "&" in doc.text or len(re.findall(r"[<>\"]", text)) < 4:
        return None
    return Reply(text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"))


def line_numbers_in_front(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Each line has its number, from the broken line on; models that saw files through the tools of an agent."""
    if doc.kind != "code" or not solid(partial(doc, cut), 6):
        return None
    at = doc.line_start(cut)
    number = doc.text.count("\n", 0, at) + 1
    form = rng.choice(["{:>6}\t{}", "{:>4} | {}", "{}: {}", "{:4d}| {}"])
    lines = doc.text[at:end].rstrip("\n").split("\n")
    return Reply("\n".join(form.format(number + i, line) for i, line in enumerate(lines)))


def answer_as_diff(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Takes the broken line out and puts the whole one and the rest in, as a diff; GPT-4.1, Claude in aider."""
    if doc.kind not in ("code", "csv", "json") or not solid(partial(doc, cut), 6):
        return None
    at = doc.line_start(cut)
    lines = doc.text[at:end].rstrip("\n").split("\n")
    above = doc.text[line_back(doc, cut, 1) : at].rstrip("\n")
    body = [f" {above}", f"-{partial(doc, cut)}", *(f"+{line}" for line in lines)]
    head = rng.choice(["", "@@\n", "@@ ... @@\n"])
    return Reply("```diff\n" + head + "\n".join(body) + "\n```")


def last_line_shown_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Shows in a fence where the text stopped, then goes on exactly; o3, GPT-5, Claude Opus."""
    text = clean(doc, cut, end)
    if not text or not solid(partial(doc, cut), 10) or fenced(doc, cut) or doc.kind == "markdown":
        return None
    top, low = rng.choice(
        [
            ("The output stopped at:", "Continuing from there:"),
            ("Last line so far:", "Next:"),
            ("中断处：", "继续："),
            ("Ostatnia linia:", "Dalej:"),
        ]
    )
    return Reply(f"{top}\n\n```\n{partial(doc, cut)}\n```\n\n{low}\n\n{text}")


def template_tokens_last(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The token that ends a turn or a text is left over; Gemma, Phi, DeepSeek, GPT-2-like, OLMo, Llama 3 tools."""
    return Reply(
        rest(doc, cut, end)
        + rng.choice(
            [
                "<end_of_turn>",
                "<|endoftext|>",
                "<｜end▁of▁sentence｜>",
                "<|end|>",
                "<|eom_id|>",
                "<|END_OF_TURN_TOKEN|>",
                "<eos>",
                "<|return|>",
                "<|end_of_text|>",
                "[EOS]",
                "<end_of_turn>\n<start_of_turn>user",
                "<|eot|>",
            ]
        )
    )


def next_turn_made_up(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the user's next message and its own reply as well; base models, Vicuna, Falcon, Phi-2."""
    user, bot = rng.choice(
        [
            ("Human", "Assistant"),
            ("User", "AI"),
            ("### Instruction", "### Response"),
            ("USER", "ASSISTANT"),
            ("Q", "A"),
            ("用户", "助手"),
        ]
    )
    asks, says = rng.choice(
        [
            ("Thanks, that is what I needed.", "You're welcome! Is there anything else?"),
            ("Can you explain that in simpler words?", "Sure! In simple words, it means the following."),
            ("谢谢！", "不客气！"),
        ]
    )
    return ended(rng, doc, cut, end, [f"{user}: {asks}\n\n{bot}: {says}", f"{user}: {asks}", f"{user}:"])


def think_end_without_start(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Reasoning and a closing tag whose opening one was in the template; R1, QwQ, Qwen3 Thinking."""
    text = clean(doc, cut, end)
    thought = rng.choice(
        [
            "Hmm, the assistant turn breaks off. The user says to proceed without repeating. So only the remainder, "
            "then stop.\n\nMake sure the formatting is kept.",
            "I need to produce what comes next after the last token. No preface.",
            "嗯，用户要求从断点处继续，我不能重复已有内容，也不能加开场白。",
            "",
        ]
    )
    return Reply(f"{thought}\n</think>\n\n{text}") if text else None


def thinks_aloud_untagged(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Reasoning without any tags, then the continuation; Gemini 2.5, R1 distillations, Phi-4-mini-reasoning."""
    text = clean(doc, cut, end)
    tail = partial(doc, cut).strip()[-30:]
    if not text or not solid(tail, 8):
        return None
    thought = rng.choice(
        [
            f'Okay, so I need to see where the text stops. The last bit is "{tail}". So what follows must complete '
            "that line. I must not repeat it. Let me write the rest now.",
            "thought\nThe user wants the remainder of the previous output. I should output only that, no commentary.\n"
            "I'll keep the layout.",
            f"Let me think. The response ended at `{tail}`, which is incomplete. I should start with the characters "
            "right after it.\n\nAlright.",
            "首先，用户希望我继续之前的输出。我需要从断点处接着写，保持格式一致。",
        ]
    )
    return Reply(f"{thought}\n\n{text}")


def talk_line_again_note(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk, the broken line anew, and a closing note; GPT-3.5, Llama 2 70B, Mixtral."""
    if not solid(partial(doc, cut), 10):
        return None
    top = rng.choice(
        ["Sure, from the last line:", "Let me restart that line:", "Od ostatniej linii:", "从最后一行继续："]
    )
    low = rng.choice(
        ["Do you want the next part as well?", "(continued in the next reply)", "Czy coś jeszcze?", "完毕。"]
    )
    return Reply(finish(f"{top}\n\n{doc.text[doc.line_start(cut) : end]}", low))


def code_comment_then_line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A comment in the code that says that it goes on, then the broken line anew; Claude 3.7, o3-mini, GPT-4.1."""
    if not code(doc, cut) or len(partial(doc, cut).strip()) < 6 or in_string(doc, cut):
        return None
    note = rng.choice(
        ["# Continuation of the previous output", "# --- part 2 ---", "# resuming from the incomplete line",
         "# 接上文", "# (ciąg dalszy)", "# CONTINUED"]
    )  # fmt: skip
    return Reply(f"{note}\n{doc.text[doc.line_start(cut) : end]}")


def exact_letter_twice(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with the very letters that the text ends with; must stay whole."""
    text = rest(doc, cut, end)
    size = next((n for n in (4, 3, 2, 1) if doc.text[cut - n : cut] == text[:n]), 0)
    if not size or text[0].isspace() or (size == 1 and (not text[0].isalnum() or rng.random() < 0.5)):
        return None
    return Reply(text)


def exact_quote_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins and ends with quotation marks or has a pair first; must stay whole."""
    return whole(doc, cut, end, r" ?([\"'“‘])[^\"'\n]{2,60}[\"'”’]")


def exact_dots_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with dots that belong to the text: doctests, stubs; must stay whole."""
    return whole(doc, cut, end, r"\s*(?:\.\.\.|…|\.\. )")


def exact_blank_lines_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with the one or two blank lines that the text needs; must stay whole."""
    text = rest(doc, cut, end)
    return Reply(text) if re.match(r"\n+\S", text) and (text.startswith("\n\n") or doc.text[cut - 1] == "\n") else None


def exact_number_goes_on(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with the rest of a number or of a name with digits; must stay whole."""
    return whole(doc, cut, end, r"[\d.,:]\d") if doc.text[cut - 1].isdigit() else None


def exact_same_line_near(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation at a line's start, whose first line stands among the last ten; must stay whole."""
    at, text = doc.line_start(cut), rest(doc, cut, end)
    first = text.partition("\n")[0]
    if at != cut or len(first.strip()) < 3:
        return None
    return Reply(text) if first in doc.text[line_back(doc, cut, 10) : cut].split("\n") else None


def exact_keyword_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with a word like "continue", "return", "else" or "end"; stays whole."""
    return whole(doc, cut, end, r"\s*(?:continue|pass|break|yield|return|else|end|next|then|also|and so)\b")


def exact_again_in_next_row(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact rest of a row, after which the next row begins as this one did; must stay whole."""
    held, text = partial(doc, cut), rest(doc, cut, end)
    after = text.partition("\n")[2]
    return Reply(text) if solid(held, 6) and after.startswith(held) else None


def exact_marker_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation at a line's start, which begins with a list's or a doctest's mark; must stay whole."""
    return whole(doc, cut, end, r"[ \t]*(?:[-*+•] |\d+[.)] |>>> |\+[-=])") if doc.line_start(cut) == cut else None


def exact_string_opens(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, which begins with three quotes or a fence within the first line; must stay whole."""
    return whole(doc, cut, end, r"[^\n`]{0,30}(?:\"\"\"|'''|```)")


def exact_short_line_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The exact continuation, whose first line is a few words before a blank line, as talk would be; stays whole."""
    text = rest(doc, cut, end)
    return whole(doc, cut, end, r"[A-Z \w][\w ,'-]{5,40}[.!]?\n\n\S") if prose(doc, cut) and text[0] != "\n" else None


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        preface_in_european_tongues, preface_in_asian_tongues, preface_in_bold, preface_with_emoji,
        preface_html_comment, preface_that_agrees, preface_names_section, note_of_word_count, note_of_caution,
        note_of_further_questions, note_lonely_dots, note_explains_code, last_words_capitalised, last_words_in_brackets,
        last_records_again, last_items_again, item_again_without_marker, two_paragraphs_again, title_and_section_again,
        section_again_in_bold, line_again_without_indent, imports_and_function_again, enclosing_block_again,
        table_top_and_last_row_again, comma_again, repeat_with_full_width_signs, repeat_contracted, repeat_with_typo,
        repeat_with_code_marks, word_goes_on_after_hyphen, nothing_to_go_on_with, blank_lost_at_seam,
        break_lost_at_seam, indent_lost_at_seam, hard_blank_at_seam, tildes_around, data_in_fence,
        fence_closed_then_reopened, rules_on_both_sides, artifact_around, escaped_for_html, line_numbers_in_front,
        answer_as_diff, last_line_shown_in_fence, template_tokens_last, next_turn_made_up, think_end_without_start,
        thinks_aloud_untagged, talk_line_again_note, code_comment_then_line_again, exact_letter_twice,
        exact_quote_first, exact_dots_first, exact_blank_lines_first, exact_number_goes_on, exact_same_line_near,
        exact_keyword_first, exact_again_in_next_row, exact_marker_first, exact_string_opens, exact_short_line_first,
    )
}  # fmt: skip
