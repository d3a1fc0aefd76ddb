"""What models answer when they are asked to go on with a text that was cut: a blind set, written from experience.

The author had seen neither the rules of the stitcher nor the other sets' bodies; only the interface.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.stitch.behaviours import Reply
from benchmarks.stitch.strangers._places import (
    blanks,
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
    from collections.abc import Sequence

    from benchmarks.stitch.behaviours import Behaviour
    from benchmarks.stitch.documents import Document

_ITEM = re.compile(r"[ \t]*([-*+]|\d+[.)])[ \t]+\S")

_SHORT = (
    "Continuing from the cutoff:",
    "Sure thing, continuing.",
    "Here is the continuation:",
    "Continuing exactly where the text broke off:",
    "Sure! Continuing from where I left off:",
    "Certainly! Here's the continuation from where it was cut off:",
    "Continuing without preamble:",
    "Okay, here's what comes next:",
    "(continuing)",
    "Picking up at the break:",
    "Fortsetzung:",
    "Hier die Fortsetzung ab der Abbruchstelle:",
    "Voici la suite :",
    "Je continue exactement là où le texte s'est interrompu :",
    "Continúo justo donde se cortó:",
    "Aquí está la continuación:",
    "Segue a continuação:",
    "Ecco il seguito:",
    "Вот продолжение:",
    "Продолжение с места обрыва:",
    "继续：",
    "以下是接续的内容：",
    "以下、続きです。",
    "이어지는 내용입니다:",
    "إليك التتمة:",
    "यहाँ से आगे का भाग है:",
    "Vervolg vanaf het punt waar het stopte:",
    "Oto dalszy ciąg:",
    "İşte devamı:",
    "Đây là phần tiếp theo:",
)
_LONG = (
    "You're right, my previous response was cut short. Here is the remaining text, starting exactly at the break:",
    "I apologize for the interruption. I'll continue from the exact point where my last message ended.",
    "Thanks for letting me know! It looks like I ran out of room. The rest follows below.",
    "I see the output stopped midway. Let me continue from there without repeating anything.",
    "Understood. No preamble, no repetition. Continuing now.",
    "It seems the answer exceeded the maximum length. I will resume right after the last character.",
    "Du hast recht, die Antwort war unvollständig. Ich mache genau an der Abbruchstelle weiter.",
    "Toutes mes excuses pour la coupure. Voici la partie manquante, sans répétition :",
    "Lamento la interrupción. A continuación va lo que faltaba, sin repetir nada:",
    "Peço desculpa, a resposta ficou incompleta. Segue o restante do texto:",
    "Приношу извинения, ответ был обрезан. Ниже идёт оставшаяся часть без повторов.",
    "很抱歉，上一条回复没有写完。下面从中断的地方继续输出。",
    "途中で出力が止まってしまいました。中断した箇所からそのまま続けます。",
    "답변이 중간에 끊겼네요. 멈춘 지점부터 바로 이어서 작성하겠습니다.",
    "Mi scuso per l'interruzione. Proseguo esattamente dal punto in cui il testo si è fermato.",
    "أعتذر عن الانقطاع. سأتابع الآن من النقطة نفسها دون تكرار.",
)
_OFFERS = (
    "Let me know if you'd like me to expand on any of these points!",
    "Would you like me to continue with the next part?",
    "I hope this helps! Feel free to ask if anything is unclear.",
    "If you want, I can also turn this into a shorter summary.",
    "Is there a particular section you'd like me to go deeper into?",
    "That covers the part that was missing. Anything else you need?",
    "Sag mir gern Bescheid, wenn ich noch etwas vertiefen soll.",
    "N'hésitez pas à me dire si vous souhaitez que je développe un point.",
    "¿Quieres que profundice en algún punto?",
    "Se precisar de mais detalhes, é só avisar!",
    "Если нужно, могу раскрыть любой из пунктов подробнее.",
    "如果需要我进一步展开某个部分，请告诉我。",
    "ご不明な点があれば、お気軽にお知らせください。",
    "더 궁금한 점이 있으면 말씀해 주세요!",
    "Fammi sapere se vuoi altri dettagli.",
    "Laat het me weten als je nog vragen hebt.",
)
_MORE = (
    '(Reply "continue" and I will send the rest.)',
    "[The answer is long. Type *next* for the following part.]",
    "*...to be continued in the next message...*",
    "**(continued in part 3)**",
    "Shall I go on?",
    "[Output truncated due to length, say 'go on' to proceed]",
    "(Schreib „weiter“, dann folgt der nächste Teil.)",
    "(Tapez « suite » pour la partie suivante.)",
    "(Escribe «sigue» para ver el resto.)",
    "（字数限制，回复“继续”查看后文）",
    "（続きが必要な場合は「続けて」と入力してください）",
    "(계속하려면 '계속'이라고 입력해 주세요.)",
    "(Напишите «дальше», чтобы получить остальное.)",
)
_EXPLAIN = (
    "This picks up right where the previous block ended. The remaining logic is unchanged.",
    "The code above completes the part that was cut off.",
    "### Explanation\n\n- The block continues from the last line.\n- Nothing before it was modified.",
    "Key points:\n\n1. The snippet resumes at the interrupted line.\n2. Append it to the code you already have.",
    "Just paste this right after the last line you have.",
    "Note: make sure the indentation matches the part above when you merge the two pieces.",
    "Damit ist der fehlende Teil ergänzt. Einfach direkt anhängen.",
    "Ce bloc complète le code précédent ; il suffit de le coller à la suite.",
    "Con esto queda completa la parte que faltaba.",
    "Этот фрагмент нужно вставить сразу после предыдущего.",
    "以上代码接在前面未完成的部分之后即可。",
    "前のコードの直後に貼り付けてください。",
    "위 코드를 기존 코드 바로 뒤에 붙이면 됩니다.",
)
_BLOCK_TALK = (
    "Here's the rest of the code:",
    "Continuing the code block:",
    "Sure, the remaining part of the file:",
    "Picking the code up at the interrupted line:",
    "Let me resume the snippet.",
    "Hier der Rest des Codes:",
    "Voici la fin du code :",
    "Aquí tienes el resto del código:",
    "Segue o resto do código:",
    "Вот остаток кода:",
    "下面是剩余的代码：",
    "残りのコードはこちらです。",
    "나머지 코드입니다:",
)
_ANEW_TALK = (
    "Let me redo that last bit so it reads cleanly:",
    "Starting that part over so nothing is lost:",
    "I'll restart from the beginning of the part that was interrupted:",
    "To keep it readable I begin again at the last complete point.",
    "Since the last bit was broken off, here it is in full:",
    "Resuming from the last unfinished part (repeated for continuity):",
    "Ich setze beim angefangenen Abschnitt noch einmal an:",
    "Je reprends le passage interrompu depuis son début :",
    "Retomo desde el principio del fragmento que quedó a medias:",
    "Recomeço o trecho que ficou incompleto:",
    "Повторю прерванный фрагмент с начала:",
    "我从被打断的那一部分重新开始：",
    "途切れた部分の頭から書き直します。",
    "끊긴 부분을 처음부터 다시 적겠습니다.",
    "Ricomincio dal passaggio interrotto:",
)
_LABEL = {"code": ("python", "python", "py", ""), "json": ("json", "json", ""), "csv": ("csv", "csv", "text", "")}


def _label(rng: random.Random, doc: Document) -> str:
    """What a model writes behind the fence for this kind of document."""
    return rng.choice(_LABEL.get(doc.kind, ("", "text", "log")))


def _tongue(rng: random.Random, doc: Document, cut: int) -> str:
    """The label behind the fence the cut is in, or one for the raw document."""
    start = doc.fence_start(cut) if doc.kind == "markdown" else None
    if start is None:
        return _label(rng, doc)
    return doc.text[doc.line_start(start - 1) : start - 1].lstrip("`").strip()


def _ended(doc: Document, cut: int) -> bool:
    """Whether the cut is behind the last character of a line that is not blank."""
    return bool(partial(doc, cut).strip()) and doc.text[cut : cut + 1] == "\n"


def _begun(doc: Document, cut: int) -> bool:
    """Whether the cut is right behind a line break, and a line that is not blank follows."""
    return doc.text[cut - 1] == "\n" and bool(doc.text[cut:].partition("\n")[0].strip())


def _around(doc: Document, cut: int) -> tuple[str, str]:
    """The lines before and behind a cut that is at a line's end or start; empty strings elsewhere."""
    if _ended(doc, cut):
        return partial(doc, cut), doc.text[cut + 1 :].partition("\n")[0]
    if _begun(doc, cut):
        return partial(doc, cut - 1), doc.text[cut:].partition("\n")[0]
    return "", ""


def _rows(doc: Document, cut: int) -> bool:
    """Whether the lines around the cut belong together: rows, records or items of one list."""
    before, behind = _around(doc, cut)
    if not before.strip() or not behind.strip():
        return False
    if doc.kind in ("csv", "log", "json"):
        return True
    if doc.kind != "markdown" or fenced(doc, cut):
        return False
    if before.startswith("|") and behind.startswith("|"):
        return True
    return bool(_ITEM.match(before) and _ITEM.match(behind)) and before[:2] == behind[:2]


def _gap(doc: Document, cut: int) -> bool:
    """Whether a single space follows that anybody would put back: between two longer words of a text."""
    if not prose(doc, cut) or (table_art(partial(doc, cut)) and not item(doc, cut)):
        return False
    before = re.search(r"[^\W\d_]{4,}$", doc.text[max(0, cut - 40) : cut])
    behind = re.match(r" ([^\W\d_]{4,})", doc.text[cut : cut + 40])
    return bool(before and behind and (before[0] + behind[1]).lower() not in doc.text.lower())


def _broken(doc: Document, cut: int) -> bool:
    """Whether the cut is in a word whose two parts are no words by themselves here."""
    if not midword(doc, cut):
        return False
    left = re.search(r"[^\W\d_]+$", doc.text[max(0, cut - 40) : cut])
    right = re.match(r"[^\W\d_]+", doc.text[cut : cut + 40])
    if not left or not right or len(left[0]) + len(right[0]) < 6 or len(right[0]) < 2:
        return False
    return not re.search(rf"(?i)\b({re.escape(left[0])}|{re.escape(right[0])})\b", doc.text[: cut - len(left[0])])


def _opening(doc: Document, cut: int, end: int) -> str | None:
    """The continuation as chat models write it behind something else: no space or break first where that is plain."""
    text = rest(doc, cut, end)
    if _gap(doc, cut):
        return text[1:]
    if text[:1] == "\n":
        return text[1:] if _rows(doc, cut) else None
    return text or None


def _under(doc: Document, cut: int, end: int) -> str | None:
    """What can stand in a fence that is opened anew: the next line, or the broken one from its start."""
    if _begun(doc, cut):
        return rest(doc, cut, end)
    if _ended(doc, cut) and doc.text[cut + 1 : cut + 2] != "\n":
        return doc.text[cut + 1 : end]
    at = doc.line_start(cut)
    return doc.text[at:end] if midline(doc, cut) and solid(doc.text[at:cut], 8) else None


def _back(doc: Document, cut: int, count: int) -> int:
    """Where the last `count` words begin; fewer characters where a language has no spaces."""
    low = max(para(doc, cut), cut - 300)
    starts = [m.start() + low for m in re.finditer(r"\S+", doc.text[low:cut])]
    at = starts[-min(count, len(starts))] if starts else cut
    return at if cut - at <= 140 else cut - 14


def _shared(first: str, second: str) -> int:
    """How many characters two strings begin with in common."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _stops(doc: Document, end: int) -> bool:
    """Whether the text up to `end` ends with a sentence, a row or an item outside of code."""
    if doc.kind not in ("prose", "markdown") or fenced(doc, end):
        return False
    lines = doc.text[:end].rstrip().rpartition("\n")[2]
    return lines.endswith((".", "!", "?", "。", "！", "？", "|")) or bool(_ITEM.match(lines))


def _talked(rng: random.Random, talk: Sequence[str], text: str | None, gap: str = "\n\n") -> Reply | None:
    """A reply that begins with one of the phrases."""
    return Reply(rng.choice(talk) + gap + text) if text else None


def exact_inside_word(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: only the rest of the broken word and on; completion endpoints, Claude with prefill, GPT-4.1."""
    return Reply(rest(doc, cut, end)) if midword(doc, cut) else None


def exact_begins_with_blank_line(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the cut is behind a paragraph, so the reply has the blank line first; prefilled models."""
    text = rest(doc, cut, end)
    return Reply(text) if _ended(doc, cut) and text.startswith("\n\n") else None


def exact_next_row_resembles_last(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the next row or record begins like the one before, as in a repeat; all models with data."""
    before, behind = _around(doc, cut)
    same = _shared(before, behind)
    if doc.kind == "json" or same < 6 or before == behind or not solid(before[:same], 3):
        return None
    return Reply(rest(doc, cut, end)) if _rows(doc, cut) else None


def exact_first_line_ends_in_colon(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the text itself goes on with a line like "For example:"; looks like a preface, any model."""
    if not (prose(doc, cut) or in_string(doc, cut)) or not (_ended(doc, cut) or doc.text[cut - 1] == "\n"):
        return None
    first, _, more = rest(doc, cut, end).lstrip("\n").partition("\n")
    return Reply(rest(doc, cut, end)) if re.match(r"[^\W\d_].{3,90}:$", first) and more.strip() else None


def exact_comment_line_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the code goes on with a comment, which looks like talk or a heading; any model."""
    text = rest(doc, cut, end)
    fits = code(doc, cut) and not in_string(doc, cut) and (_ended(doc, cut) or doc.text[cut - 1] == "\n")
    return Reply(text) if fits and re.match(r"\s*# ?\w", text) else None


def exact_fence_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: a code block has to end here, or to begin, so a fence comes at once; Claude, GPT-4o."""
    text = rest(doc, cut, end)
    return Reply(text) if doc.kind == "markdown" and re.match(r"[^\n`]{0,12}\n*```\w*[ \t]*\n", text) else None


def exact_sibling_function_next(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the next function's head is much like the last one's, so a restart is suspected; code models."""
    text = rest(doc, cut, end)
    head = re.match(r"[^\n:]{0,6}\s+(?:```\s+```\w*\s+|@[^\n]*\s+)?((?:async )?(?:def|class) \w+)", text)
    if not head or not code(doc, cut) or in_string(doc, cut):
        return None
    last = re.findall(r"^[ \t]*((?:async )?(?:def|class) \w+)", doc.text[:cut], re.M)[-1:]
    return Reply(text) if last and _shared(last[0], head[1]) >= 5 else None


def exact_indented_line_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the cut is behind a line break in code, the reply begins with the indent; Codex, DeepSeek-Coder."""
    text = rest(doc, cut, end)
    return Reply(text) if code(doc, cut) and _begun(doc, cut) and re.match(r"[ \t]{2,}\S", text) else None


def exact_next_object_resembles_last(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the next JSON object has the keys of the last, so it looks like that one again; JSON modes."""
    text = rest(doc, cut, end)
    return Reply(text) if doc.kind == "json" and re.match(r"\s*(\},\s*)?\{\s*\"", text) else None


def exact_double_letter_at_cut(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the word was cut between two letters that are the same; no overlap to take out, any model."""
    twin = midword(doc, cut) and doc.text[cut - 1] == doc.text[cut]
    return Reply(rest(doc, cut, end)) if twin else None


def exact_next_item_after_finished_one(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Legitimate: the reply goes on with the list's next item, break included; any model that prefills."""
    before, behind = _around(doc, cut)
    fits = prose(doc, cut) and _ITEM.match(before) and _ITEM.match(behind)
    return Reply(rest(doc, cut, end)) if fits else None


def broken_word_whole(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the broken word whole and goes on; the commonest slip of GPT-4o, Gemini and Llama 3."""
    at = word(doc, cut)
    return Reply(doc.text[at:end]) if midword(doc, cut) and solid(doc.text[at:cut], 3) else None


def last_words_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins with the last few words for a smooth join; GPT-4, Claude 3, Mistral Large."""
    at = _back(doc, cut, rng.randint(2, 8))
    fits = prose(doc, cut) and midline(doc, cut) and solid(doc.text[at:cut], 8)
    return Reply(doc.text[at:end]) if fits else None


def code_line_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the broken line of code again with its indent; nearly every model in code."""
    at = doc.line_start(cut)
    fits = code(doc, cut) and midline(doc, cut) and fresh(doc, at, cut)
    return Reply(doc.text[at:end]) if fits else None


def code_line_again_indent_stripped(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the broken line again, but the reply was stripped, so its indent is gone; OpenAI-like proxies, Gemini."""
    at = doc.line_start(cut)
    fits = code(doc, cut) and midline(doc, cut) and fresh(doc, at, cut) and blanks(doc, at)
    return Reply(doc.text[at:end].lstrip(" \t")) if fits else None


def code_lines_again(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the last two to six lines of code, then goes on; DeepSeek, Qwen-Coder, GPT-4 Turbo."""
    at = line_back(doc, cut, rng.randint(1, 5))
    low = (doc.fence_start(cut) or 0) if fenced(doc, cut) else 0
    fits = code(doc, cut) and at >= low and doc.text[at:].partition("\n")[0].strip() and fresh(doc, at, cut)
    return Reply(doc.text[at:end]) if fits else None


def sentence_anew_announced(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says that it starts the broken sentence over, and does; Claude 2 and 3, GPT-3.5."""
    at = sentence(doc, cut)
    fits = prose(doc, cut) and midline(doc, cut) and 15 <= cut - at <= 500 and fresh(doc, at, cut)
    return _talked(rng, _ANEW_TALK, doc.text[at:end]) if fits else None


def paragraph_anew_announced(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Announces that the paragraph begins anew; ChatGPT in its first years, Yi, ChatGLM."""
    at = para(doc, cut)
    fits = prose(doc, cut) and 40 <= cut - at <= 1500 and not doc.text[at:cut].startswith("\n") and fresh(doc, at, cut)
    return _talked(rng, _ANEW_TALK, doc.text[at:end]) if fits else None


def item_anew_bare(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Starts with the marker of the broken list item and writes it whole; GPT-4o, Gemini Flash."""
    found = item(doc, cut)
    fits = found and midline(doc, cut) and solid(doc.text[found.end() : cut], 4)
    return Reply(doc.text[doc.line_start(cut) : end].lstrip(" ")) if fits else None


def row_anew_bare(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the broken row of a Markdown table whole; nearly all chat models in tables."""
    found = table(doc, cut)
    fits = found and midline(doc, cut) and solid(partial(doc, cut), 3)
    return Reply(doc.text[found[1] : end]) if found and fits else None


def record_anew_bare(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins at the start of the broken CSV or log line, sometimes a line or two above; all models with data."""
    at = line_back(doc, cut, rng.choice([0, 0, 0, 1, 2]))
    fits = doc.kind in ("csv", "log") and midline(doc, cut) and at > 0 and solid(partial(doc, cut), 8)
    return Reply(doc.text[at:end]) if fits and fresh(doc, at, cut) else None


def table_head_then_row(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Writes the table's head again and goes on with the broken or next row; GPT-4o, Claude 3.5, Qwen."""
    found = table(doc, cut)
    if not found or not solid(partial(doc, cut), 3):
        return None
    text = doc.text[cut + 1 : end] if _ended(doc, cut) else doc.text[found[1] : end]
    head = found[0].group(0).rstrip("\n") + "\n"
    lead = rng.choice(["", "", rng.choice(_SHORT) + "\n\n"])
    return Reply(lead + head + text) if text.startswith("|") else None


def object_anew_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Begins the broken JSON object again in a fence of its own; Claude 3, Gemini, Llama 3.1."""
    at = element(doc, cut)
    if at is None or not fresh(doc, at, cut):
        return None
    lead = rng.choice(["", "", rng.choice(_SHORT) + "\n\n"])
    return Reply(close(f"{lead}```json\n{doc.text[at:end]}"))


def function_anew_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Opens a new code block and writes the unfinished function whole; GPT-4, Claude 3.5, DeepSeek V3."""
    found = function(doc, cut)
    if not found or cut - found[0] > 4000 or not fresh(doc, found[0], cut):
        return None
    talk = rng.choice(
        [
            "",
            "",
            f"Here's the complete `{found[2]}` function:",
            f"Let me give you `{found[2]}` again in full:",
            f"Hier noch einmal `{found[2]}` vollständig:",
            f"Voici la fonction `{found[2]}` complète :",
            f"Aquí está `{found[2]}` completa:",
            f"下面是完整的 `{found[2]}` 函数：",
            f"`{found[2]}` を最初から書き直します。",
        ]
    )
    text = (f"{talk}\n\n" if talk else "") + f"```{_tongue(rng, doc, cut)}\n" + doc.text[found[0] : end]
    return Reply(text if doc.kind == "markdown" else close(text))


def section_anew_announced(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes back to the section's heading, with or without a word; Gemini 1.5, GPT-4 with long reports."""
    found = heading(doc, cut)
    if not found or cut - found.end() < 20 or cut - found.start() > 3000:
        return None
    lead = rng.choice(["", "", rng.choice(_ANEW_TALK) + "\n\n"])
    return Reply(lead + doc.text[found.start() : end])


def whole_answer_anew(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Ignores the request and writes everything again from the first word; small models, Gemini Flash, Phi."""
    if cut > 3500:
        return None
    talk = (
        "Here's the full version:",
        "Sure! Here is the complete answer:",
        "Let me provide the whole text again so it isn't split:",
        "Hier ist die vollständige Fassung:",
        "Voici la version complète :",
        "Aquí está la respuesta completa:",
        "Вот полный текст:",
        "完整内容如下：",
        "全文を改めて記載します。",
    )
    return Reply(rng.choice(["", rng.choice(talk) + "\n\n"]) + doc.text[:end])


def whole_file_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The raw file from the top in a code block; GPT-4o, Qwen 2.5, Codestral when they are asked for the rest."""
    if doc.kind not in ("code", "json", "csv", "log") or cut > 5000:
        return None
    talk = (
        "Here is the complete file:",
        "Full file, in one piece:",
        "Below is the entire content without the interruption:",
        "Hier die komplette Datei:",
        "Le fichier complet :",
        "El archivo completo:",
        "Полный файл:",
        "完整文件：",
        "ファイル全体です。",
    )
    text = close(f"{rng.choice(talk)}\n\n```{_label(rng, doc)}\n{doc.text[:end]}")
    return Reply(finish(text, rng.choice(_OFFERS)) if rng.random() < 0.3 else text)


def dots_then_last_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An ellipsis, the last words again, then on; the classic of Claude and GPT-3.5."""
    at = _back(doc, cut, rng.randint(2, 7))
    fits = prose(doc, cut) and midline(doc, cut) and solid(doc.text[at:cut], 8) and not table_art(doc.text[at:cut])
    return Reply(rng.choice(["...", "...", "…", "... ", "[…] ", "(...) "]) + doc.text[at:end]) if fits else None


def dots_alone(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An ellipsis as a sign that it goes on, then the continuation itself; Claude 3 Haiku, Mixtral, Gemma."""
    text = _opening(doc, cut, end)
    fits = prose(doc, cut) and midline(doc, cut) and doc.text[cut - 1].isalpha() and text and text[0].isalnum()
    dots = rng.choice(["...", "...", "…"] if midword(doc, cut) else ["...", "…", "... ", "... ", "[...] "])
    return Reply(dots + text) if text and fits else None


def tail_reworded(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the broken sentence with a slip or two in its words, then goes on; small Llamas, Phi, GPT-3.5."""
    at, near = sentence(doc, cut), _back(doc, cut, 4)
    if not prose(doc, cut) or not midline(doc, cut) or not 60 <= cut - at <= 600 or near <= at:
        return None
    old = doc.text[at:near]
    if not fresh(doc, at, cut) or table_art(old) or not solid(doc.text[near:cut], 10):
        return None
    swaps = {
        "is not": "isn't", "does not": "doesn't", "can be": "may be", "must": "has to", "such as": "like",
        "which": "that", "used": "utilized", "returns": "gives back", "each": "every", "should": "ought to",
        "using": "by using", "also": "additionally", "because": "since", "whether": "if", "und": "sowie",
        "aber": "jedoch", "mais": "cependant", "pero": "sin embargo", "также": "тоже", "但是": "不过",
    }  # fmt: skip
    found = [key for key in swaps if re.search(rf"\b{key}\b", old)]
    if not found:
        return None
    for key in rng.sample(found, min(2, len(found))):
        old = re.sub(rf"\b{key}\b", swaps[key], old, count=1)
    return Reply(old + doc.text[near:end])


def tail_typography_flattened(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Repeats the sentence with plain quotes and hyphens for the typographic ones, or the reverse; GPT-4, Gemma."""
    at = sentence(doc, cut)
    old = doc.text[at:cut]
    if not prose(doc, cut) or not midline(doc, cut) or not 30 <= len(old) <= 600 or not fresh(doc, at, cut):
        return None
    plain = old.translate(str.maketrans("“”„’‘–—", '"""\'\'--'))
    if plain == old:
        plain = re.sub(r'"([^"\n]+)"', r"“\1”", old)
    return Reply(plain + rest(doc, cut, end)) if plain != old and not table_art(old) else None


def short_lead_in(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """One short line of its own in front in spite of the request; every chat model now and then."""
    return _talked(rng, _SHORT, _opening(doc, cut, end), rng.choice(["\n\n", "\n\n", "\n"]))


def two_sentence_lead_in(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Two sentences of excuse or promise, then the continuation; GPT-3.5, Claude 2, Gemini 1, ERNIE-like ones."""
    return _talked(rng, _LONG, _opening(doc, cut, end))


def styled_lead_in(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A bold, italic, quoted or emoji line in front; GPT-4o, DeepSeek, Grok, Kimi."""
    talk = (
        "**Continuation:**",
        "**Continuing from the previous message…**",
        "*(continued)*",
        "*[continuing from cutoff]*",
        "✅ Continuing right where we stopped 👇",
        "➡️ **Continuing…**",
        "### Continuation",
        "> Continuing from the last line.",
        "**Fortsetzung**",
        "*(suite)*",
        "**Continuación:**",
        "**(продолжение)**",
        "**（接上文）**",
        "**【続き】**",
        "**(이어서)**",
        "__Continuação__",
    )
    return _talked(rng, talk, _opening(doc, cut, end))


def lead_in_names_place(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Says in which function or section it goes on; GPT-4, Claude 3.5, Gemini 2."""
    found, top = function(doc, cut), heading(doc, cut)
    name = f"`{found[2]}`" if found else top.group(2).strip() if top else ""
    if not name:
        return None
    talk = (
        f"Continuing with {name}:",
        f"Resuming inside {name}, at the interrupted line:",
        f"I was in the middle of {name}. Here is the rest:",
        f"Weiter mit {name}:",
        f"Je poursuis {name} :",
        f"Sigo con {name}:",
        f"Prosseguindo com {name}:",
        f"Продолжаю {name}:",
        f"继续 {name} 部分：",
        f"{name} の続きです。",
        f"{name} 이어서 작성합니다:",
    )
    return _talked(rng, talk, _opening(doc, cut, end))


def lead_in_then_last_words(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A short phrase, and then the last words of the text again; GPT-3.5, Claude Instant, Mixtral."""
    at = _back(doc, cut, rng.randint(3, 9))
    fits = not table_art(partial(doc, cut)) and midline(doc, cut) and solid(doc.text[at:cut], 10)
    if not fits or doc.kind in ("csv", "log", "json"):
        return None
    lead = rng.choice(["", "", "..."]) if prose(doc, cut) else ""
    return _talked(rng, _SHORT, lead + doc.text[at:end])


def lead_in_then_code_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The usual package: a phrase, a new code block with the rest, a remark; GPT-4o, Claude 3.7, Gemini 2.5."""
    text = _under(doc, cut, end) if doc.kind == "code" else None
    if not text:
        return None
    text = close(f"{rng.choice(_BLOCK_TALK)}\n\n```{_label(rng, doc)}\n{text}")
    return Reply(finish(text, rng.choice(_EXPLAIN)) if rng.random() < 0.7 else text)


def orphan_think_close(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Thoughts whose opening tag was in the prompt, so only the closing one is sent; DeepSeek-R1, QwQ, Qwen3, GLM."""
    tail, text = doc.text[_back(doc, cut, 3) : cut].replace("\n", " "), _opening(doc, cut, end)
    if not text:
        return None
    thought = rng.choice(
        [
            "Okay, the user wants me to continue exactly where I stopped, with no preamble. "
            f'The last words were "{tail}", so I go on from there.',
            "Alright, I need to resume the text without repeating anything. Let me just output the next part.",
            "We need to continue. The previous text is cut mid-way. No greeting, no summary.\n\nLet me write the rest.",
            "Hmm, the answer was truncated. I should not start over.\n\nContinue directly.",
            "好的，用户要求我从中断处继续，不要任何开场白。直接接着输出即可。",
            "Der Nutzer möchte, dass ich genau an der Abbruchstelle weiterschreibe. Also keine Einleitung.",
            "ユーザーは続きを求めている。前置きは不要なので、そのまま書く。",
        ]
    )
    return Reply(f"{rng.choice(['', '', '<think>' + chr(10)])}{thought}\n</think>\n\n{text}")


def template_header_leaks(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Pieces of the chat template in front; llama.cpp, Ollama and vLLM with a wrong template, gpt-oss."""
    text = _opening(doc, cut, end)
    if not text or text[0] == " ":
        return None
    leak = rng.choice(
        [
            "<|im_start|>assistant\n",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "[/INST] ",
            "<start_of_turn>model\n",
            "<|assistant|>\n",
            "### Response:\n",
            "<|channel|>final<|message|>",
            "<|start|>assistant<|channel|>final<|message|>",
            "<｜Assistant｜>",
            "ASSISTANT: ",
            "<|CHATBOT_TOKEN|>",
        ]
    )
    return Reply(leak + text)


def fence_reopened_for_next_line(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Within a code block that is still open, a new fence before the next line; GPT-4o, Claude 3.5, Llama 3."""
    if not fenced(doc, cut) or not (_begun(doc, cut) or _ended(doc, cut)):
        return None
    text = _under(doc, cut, end)
    return Reply(f"```{_tongue(rng, doc, cut)}\n{text}") if text and not text.startswith("```") else None


def fence_reopened_midline(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A new fence and then the very next characters of the broken line; GPT-4 Turbo, Mistral Large."""
    text = rest(doc, cut, end)
    fits = fenced(doc, cut) and midline(doc, cut) and text[0] != " "
    return Reply(f"```{_tongue(rng, doc, cut)}\n{text}") if fits else None


def fence_reopened_line_anew(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A phrase or none, a new fence, and the broken line (or a few) again; the commonest reply of all in code."""
    at = line_back(doc, cut, rng.choice([0, 0, 1, 2, 3]))
    if not fenced(doc, cut) or not midline(doc, cut) or not fresh(doc, at, cut) or at < (doc.fence_start(cut) or 0):
        return None
    if not doc.text[at:].partition("\n")[0].strip():
        return None
    lead = rng.choice(["", rng.choice(_BLOCK_TALK) + "\n\n"])
    return Reply(f"{lead}```{_tongue(rng, doc, cut)}\n{doc.text[at:end]}")


def raw_data_in_fence(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Puts the rest of raw JSON, CSV or a log in a code block, often with a remark; all chat models."""
    text = _under(doc, cut, end) if doc.kind in ("json", "csv", "log") else None
    if not text:
        return None
    lead = rng.choice(["", "", rng.choice(_SHORT) + "\n\n"])
    text = close(f"{lead}```{_label(rng, doc)}\n{text}")
    return Reply(finish(text, rng.choice((*_OFFERS, *_MORE))) if rng.random() < 0.4 else text)


def stray_fence_at_end(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on exactly, then closes a code block that was never opened; GPT-3.5, Code Llama, StarCoder chats."""
    if doc.kind not in ("code", "json", "csv", "log"):
        return None
    text = close(rest(doc, cut, end))
    return Reply(finish(text, rng.choice(_EXPLAIN)) if doc.kind == "code" and rng.random() < 0.5 else text)


def continued_comment_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A comment "continued" before the next line of code, fenced or not; GPT-4, Codestral, Qwen-Coder."""
    if not code(doc, cut) or in_string(doc, cut) or not (_begun(doc, cut) or _ended(doc, cut)):
        return None
    text = _under(doc, cut, end)
    if not text or text.startswith("```"):
        return None
    note = rng.choice(
        [
            "# ... continued from above",
            "# ... (previous code unchanged) ...",
            "# continuing from the previous part",
            "# [continued]",
            "# ... rest of the code",
            "# ... Fortsetzung ...",
            "# ... suite du code ...",
            "# ... continuación ...",
            "# ... продолжение ...",
            "# ……接上文……",
            "# …前回の続き…",
        ]
    )
    fence = f"```{_tongue(rng, doc, cut)}\n" if fenced(doc, cut) or rng.random() < 0.4 else ""
    text = f"{fence}{blanks(doc, cut + _ended(doc, cut))}{note}\n{text}"
    return Reply(close(text) if fence and doc.kind == "code" else text)


def closing_offer(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on exactly and ends with an offer of help; every chat model, above all GPT-4o and later."""
    return Reply(finish(rest(doc, cut, end), rng.choice(_OFFERS))) if _stops(doc, end) else None


def asks_to_send_continue(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on exactly, then says how to get more; GPT-4 Turbo, Gemini, Kimi, Doubao with long answers."""
    return Reply(finish(rest(doc, cut, end), rng.choice(_MORE))) if _stops(doc, end) else None


def lead_in_and_offer(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Talk at both ends of the continuation, perhaps with rules; GPT-3.5, GPT-4o, Gemini 1, Llama 2 Chat."""
    text = _opening(doc, cut, end) if _stops(doc, end) else None
    rule = rng.choice(["", "", "---\n\n"]) if prose(doc, cut) else ""
    talk, offer = rng.choice((*_SHORT, *_LONG)), rng.choice(_OFFERS)
    return Reply(finish(f"{talk}\n\n{rule}{text}", rule + offer)) if text else None


def invented_next_turn(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Goes on and then plays the user's next turn as well; base models, small models without a stop string."""
    if doc.kind in ("json", "csv") or fenced(doc, end):
        return None
    turn = rng.choice(
        [
            "User: Thanks, that's great!\nAssistant: You're welcome! Is there anything else?",
            "### Instruction:\nNow summarize the text above.\n\n### Response:\n",
            "Human: continue\n\nAssistant:",
            "<|im_end|>\n<|im_start|>user\nGo on<|im_end|>\n",
            "[INST] Can you explain that in simpler words? [/INST]",
            "<|user|>\nDanke!\n<|assistant|>\nGern geschehen!",
            "Utilisateur : Merci !\nAssistant : Avec plaisir !",
            "Usuario: ¡Gracias!\nAsistente: ¡De nada!",
            "用户：谢谢！\n助手：不客气！",
            "ユーザー: ありがとう\nアシスタント: どういたしまして。",
        ]
    )
    return Reply(finish(rest(doc, cut, end), turn))


def end_token_visible(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The end token or stream mark is sent as text; local servers and proxies with Llama, Qwen, Gemma, Mistral."""
    token = rng.choice(
        ["<|im_end|>", "</s>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<｜end▁of▁sentence｜>",
         "<|END_OF_TURN_TOKEN|>", "[DONE]", "<|return|>", "<eos>"]
    )  # fmt: skip
    text = rest(doc, cut, end)
    return Reply((text.rstrip("\n") if rng.random() < 0.5 else text) + token)


def space_lost_at_start(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The space between two words is missing since replies never begin with one; nearly every chat API."""
    return Reply(rest(doc, cut, end)[1:]) if _gap(doc, cut) else None


def line_break_lost_at_start(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The next row, record or item comes without the break before it; chat APIs that strip replies."""
    return Reply(rest(doc, cut, end)[1:]) if _ended(doc, cut) and _rows(doc, cut) else None


def blank_line_lost_before_block(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A heading, table, code block or function comes without the blank lines before it; stripped replies."""
    text = rest(doc, cut, end)
    bare = text.lstrip("\n")
    gap = len(text) - len(bare) + (doc.text[cut - 1] == "\n")
    if not (_ended(doc, cut) or (doc.text[cut - 1] == "\n" and partial(doc, cut - 1).strip())) or text == bare:
        return None
    if doc.kind == "markdown" and not fenced(doc, cut):
        block = re.match(r"#{1,6} |```\w|\| |- \*\*", bare) or doc.text[doc.line_start(cut - 1) : cut].startswith("#")
        return Reply(bare) if gap == 2 and block else None
    usual = r"@|(async )?(def|class) " if gap == 3 else r" {4}(@|(async )?def )" if gap == 2 else "$^"
    return Reply(bare) if doc.kind == "code" and not in_string(doc, cut) and re.match(usual, bare) else None


def blank_line_added_between_rows(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A needless line break first, so rows or items would be torn apart; completion models, Mistral, Yi."""
    return Reply("\n" + rest(doc, cut, end)) if _rows(doc, cut) else None


def breaks_added_inside_word(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The reply begins with line breaks although a word is open; text-davinci, Llama 2, reasoning models."""
    return Reply(rng.choice(["\n\n", "\n\n", "\n"]) + rest(doc, cut, end)) if _broken(doc, cut) else None


def space_added_inside_word(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """A space before the rest of a word, from the tokenizer; Llama 2, Mistral 7B, old SentencePiece servers."""
    return Reply(" " + rest(doc, cut, end)) if _broken(doc, cut) else None


def indent_lost_after_break(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """The next line of code comes without its indent, as the reply was stripped; GPT-4o, Gemini, any stripped API."""
    if not code(doc, cut) or not _begun(doc, cut) or in_string(doc, cut):
        return None
    before, behind = _around(doc, cut)
    deep, deeper = len(blanks(doc, cut)), len(before) - len(before.lstrip())
    bare = behind.strip()
    if not deep or not before.strip() or re.match(r"(else|elif|except|finally|def|class|return|[#@)\]}])", bare):
        return None
    text = rest(doc, cut, end)
    second = text.partition("\n")[2].partition("\n")[0]
    inner = before.endswith(":") and deep == deeper + 4
    level = deep == deeper and not before.rstrip().endswith((":", ",", "(", "[", "{", "\\"))
    same = second.strip() and len(second) - len(second.lstrip()) == deep
    return Reply(text.lstrip(" ")) if (inner or level) and same else None


def zero_width_mark_first(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """An invisible mark before the exact continuation; stream proxies, scraped web chats."""
    text = rest(doc, cut, end)
    return Reply(rng.choice(["\ufeff", "\u200b", "\u200b", "\u2060"]) + text) if not text[0].isspace() else None


def says_it_was_complete(rng: random.Random, doc: Document, cut: int, end: int) -> Reply | None:
    """Cut behind a finished paragraph, it takes the answer for complete and only says so; GPT-4o mini, Phi, Gemma."""
    if not prose(doc, cut) or not _ended(doc, cut) or not _stops(doc, cut) or doc.text[cut : cut + 2] != "\n\n":
        return None
    talk = rng.choice(
        [
            "My previous answer was already complete. Is there anything else you'd like to know?",
            "There is nothing left to continue; the text above ends here.",
            "It looks like the response wasn't cut off. Let me know if you need more detail on any part.",
            "I had finished my answer. What would you like me to add?",
            "Meine Antwort war bereits vollständig. Kann ich sonst noch helfen?",
            "Ma réponse précédente était complète. Souhaitez-vous autre chose ?",
            "Mi respuesta anterior ya estaba completa. ¿Necesitas algo más?",
            "Предыдущий ответ уже был полным. Могу ли я ещё чем-нибудь помочь?",
            "上一条回答已经完整了，没有需要继续的内容。",
            "前回の回答はすでに完結しています。ほかにご質問はありますか？",
        ]
    )
    return Reply(talk, expect="nothing_new")


ALL: dict[str, Behaviour] = {
    f.__name__: f
    for f in (
        exact_inside_word, exact_begins_with_blank_line, exact_next_row_resembles_last,
        exact_first_line_ends_in_colon, exact_comment_line_first, exact_fence_first,
        exact_sibling_function_next, exact_indented_line_first, exact_next_object_resembles_last,
        exact_double_letter_at_cut, exact_next_item_after_finished_one, broken_word_whole, last_words_again,
        code_line_again, code_line_again_indent_stripped, code_lines_again, sentence_anew_announced,
        paragraph_anew_announced, item_anew_bare, row_anew_bare, record_anew_bare, table_head_then_row,
        object_anew_in_fence, function_anew_in_fence, section_anew_announced, whole_answer_anew,
        whole_file_in_fence, dots_then_last_words, dots_alone, tail_reworded, tail_typography_flattened,
        short_lead_in, two_sentence_lead_in, styled_lead_in, lead_in_names_place, lead_in_then_last_words,
        lead_in_then_code_in_fence, orphan_think_close, template_header_leaks, fence_reopened_for_next_line,
        fence_reopened_midline, fence_reopened_line_anew, raw_data_in_fence, stray_fence_at_end,
        continued_comment_first, closing_offer, asks_to_send_continue, lead_in_and_offer, invented_next_turn,
        end_token_visible, space_lost_at_start, line_break_lost_at_start, blank_line_lost_before_block,
        blank_line_added_between_rows, breaks_added_inside_word, space_added_inside_word,
        indent_lost_after_break, zero_width_mark_first, says_it_was_complete,
    )
}  # fmt: skip
