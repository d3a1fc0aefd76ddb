"""What models say behind a text in some thirty languages: that it goes on, that it is whole, and leave of its reader.

Beginnings of lines are separated by `|`; case does not count. A line is a note only if it begins so, for what may
become one has to be held back while it comes in.
"""

from __future__ import annotations

import itertools
import re

from continuum._core.stitch.lazy import lazy

_PART = r"(?:part|teil|partie|parte|deel|część|часть|частина|bölüm|bagian|phần)"
_GOES_ON = lazy(
    r"[\[(*_（【—–-]{1,4}\s*(?:(?:to be )?continu(?:ed|es|ing)(?:[\s.:…!]*|\s+(?:in|below|from|next)\b.{0,60})"
    r"|(?:note|ps)?[: ]*(?:the|this|my)?\s*(?:output|response|answer|message) (?:was |is |has been |will be )?"
    r"(?:truncated|continued?|continues|cut off|cut short)\b.{0,80}|message limit reached.{0,80}"
    r"|end of part \d.{1,5}(?:say|reply|type|send)\b.{0,60}"
    r"|(?:未完待续|未完|待续|待續|下接|续|続く|つづく|계속|fortsetzung folgt|wird fortgesetzt|à suivre|a suivre"
    r"|continuará|continúa|continua|segue|prosegue|продолжение следует|далі буде|wordt vervolgd"
    r"|ciąg dalszy(?: nastąpi)?|cdn\.|c\.d\.n|devam edecek|devamı var|يتبع|जारी|bersambung|còn tiếp"
    r"|fortsättning följer|fortsettelse følger|fortsættelse følger|jatkuu|pokračování(?: příště)?|folytatjuk"
    r"|folytatás következik|va urma|συνεχίζεται|המשך יבוא|ادامه دارد|มีต่อ)"
    r"(?:[\s.:…!。]*|\s+(?:im|in|dans|au|en|nel|nella|na|no|в|у)\s.{1,60})"
    r"|(?:la suite|suite) (?:au|dans) (?:le |un )?(?:prochain|message|suivant).{0,60})[.…]{0,3}[\])*_）】—–-]{1,4}"
    r"|(?:would you like|do you want|shall|should) (?:me|i) (?:to )?(?:continue|go on|proceed|keep going)"
    r"(?:\s+(?:with the (?:rest|next|remaining|other|following)|from (?:here|there|where)|writing|until|further|now"
    r"|here|to the (?:end|next)|in the next)\b.{0,60})?\s*\?"
    r"|(?:please )?(?:let me know|tell me|say) .{0,40}(?:me to|\bi should|i'll|i will|i can|[\"“'‘])\s?continue\b"
    r".{0,40}[.!]"
    r"|(?:please )?(?:type|reply|respond|send)(?: with)? [\"“'‘*]{1,3}(?:continue|go on|go|next|more)[\"”'’*]{1,3}"
    r".{0,30}\b(?:the rest|more|next part|remaining|i'll|i will)\b.{0,40}[.!]"
    r"|(?:需要我|要我|是否需要|要不要我?)继续.{0,20}[?？]|続けますか.{0,10}|続きを書きましょうか.{0,10}"
    r"|계속할까요.{0,10}|soll ich (?:hier |jetzt )?(?:weiter(?:machen|schreiben)?|fortfahren)\s*\?"
    r"|dois-je (?:continuer|poursuivre)\s*\?|¿quieres que (?:siga|continúe|prosiga).{0,30}\?"
    r"|vuoi che (?:continui|prosegua).{0,30}\?|(?:quer|deseja) que eu (?:continue|prossiga|siga).{0,30}\?",
)
"""The whole of a last line that says that there is more to come, in small letters."""
_CUE = lazy(r"\(CONTINUED\)|\(MORE\)")
"""What stands at the foot of a page of a screenplay."""
_COUNT = lazy(
    rf"(?P<what>(?:end of |ende von |fin de (?:la )?|конец )?{_PART}\s*)?(?P<one>\d{{1,2}})"
    r"\s*(?:/|of|von|de|di|sur|из|z)\s*(?P<all>\d{1,2})(?: (?:ends?|complete[d]?|continued?|done)\b.{0,20})?"
    rf"|(?:end of |ende von |fin de (?:la )?|конец ){_PART} \d{{1,2}}|{_PART} \d{{1,2}} (?:ends"
    rf"|complete)(?: here)?"
    r"|第\s*[\d一二三四五六七八九十]{1,3}\s*(?:部分|部)\s*(?:完|结束|結束|終わり)"
)
"""What a line says, in small letters, that counts the parts of a text."""
_ENDS_PART = lazy(rf"end of (?:the )?{_PART} \d{{1,2}}[.!]?")
_SIZE = lazy(
    r"(?:word count|words|wörter|mots|palabras)[: ]+\d[\d,. ]*"
    r"|(?:(?:approx(?:imately|\.)?|about|ca\.|~)\s*)?\d[\d,.]* (?:words|wörter|mots|palabras|słów|слов)"
    r"(?P<part> (?:in this (?:part|reply|response)|so far))?"
    r"|(?P<here>本部分|本次|以上)?(?:共|约|約)?\s*\d+\s*字(?:左右)?"
)
_NAMES_SIZE = lazy(r"\bword count\b|\d (?:words|wörter|mots|palabras|słów|слов)\b|\d\s*字", re.I)
"""What a line says, in small letters, that counts words, and what a text says that is about that."""
_TEXT = "(?:(?:text|content|response|article|answer|document|summary|story|essay|code) )"
_MACHINE = lazy(
    rf"(?:(?:disclaimer|note|please note)\W{{1,6}})?(?:that )?(?:(?:this|the above) {_TEXT}?(?:was|is|has been)"
    r" (?:generated|written|created|produced) by (?:an? )?(?:ai|artificial intelligence|language model)\b"
    rf"|(?:this|the above) {_TEXT}?(?:was|is) ai[- ]generated|\W*ai[- ]generated (?:content|text|answer|response)\b"
    r"|(?:以上|本)?(?:内容|文|回答)?由\s?ai\s?(?:生成|撰写)|\w+:? tre(?:ść|sc) wygenerowana przez ai).{0,160}"
)
_NAMES_MACHINE = lazy(r"\b(?:AI|KI|IA)\b|(?i:artificial intelligence|人工智能|人工知能|AI生成)")
"""What a line says of who wrote the text, in small letters, and what a text says that is about that."""
_MOST_PARTS = 20
_IN_MARKS = lazy(
    r"(?P<open>[\[(（【]|[*_]{1,3}[\[(]?|[—–=~]{1,3}\s*|-{2,3}\s+)(.{2,60}?)[.:…]?"
    r"(?:[\])）】][*_]{0,3}|[*_]{1,3}|\s*[—–=~]{1,3}|\s+-{2,3})"
)
"""A line in brackets, between dashes, or in other letters."""
_NAMES_PART = lazy(
    rf"\b{_PART}\s*\d|\n\W*\d{{1,2}}\s*/\s*\d{{1,2}}\W*\n|第\s*[\d一二三四五六七八九十]{{1,3}}\s*部", re.I
)
"""What a text says that has parts."""
_GOES_ON_STARTS = """
    continue|continuing|to be continu|type|reply|respond|send|please type|please reply|please respond|please send
    需要我继续|要我继续|是否需要继续|要不要|would you like|do you want|shall i |should i |please let me|please tell me
    please say|let me know|tell me|say|soll ich|dois-je|¿quieres que|vuoi che|quer que eu|続けますか|続きを|계속할까요
    end of |第
"""
_LAST_BRACKETS = lazy(r"[ \t]+((?:\*{0,2}\[[^\[\]\n]*\]|\*{0,2}\([^()\n]*\)|（[^（）\n]*）)\*{0,2})\Z")
_OPEN_BRACKETS = lazy(r"[ \t]+\*{0,2}[\[(（]([^\n\[(（]*)\Z")
"""Something in brackets at the end of a line, and what is not closed yet."""
_IN_LINE_STARTS = """
    to be continued in|continued in|continues in|continuing in|la suite au|la suite dans|suite au|suite dans
    fortsetzung in|fortsetzung im|wird fortgesetzt in|continua nel|continúa en|continua na|continua no
"""
_NEXT_REPLY = lazy(r"\b(?:message|reply|response|answer|turn|nachricht|antwort|mensaje|messaggio|mensagem)\b", re.I)
_LONGEST_IN_LINE = 120
"""Characters of such a note within a line."""
_LEAVE_STARTS = """
    let me know|please let me know|please tell me|feel free|please feel free|i hope this|i hope that|i hope it
    hope this|hope that helps|is there anything|anything else|happy coding|would you like|do you want|do you need
    want me to|if you'd like|if you’d like|if you would like|if you want|if you need|if you have any
    if anything|if there's anything|if there is anything|i can also|i'd be happy|i’d be happy|i'm happy to|i am happy
    happy to |glad to |don't hesitate|don’t hesitate|please don't hesitate|do not hesitate|just let me know|just say
    希望|如果您|如果你|如果还|如果還|如果需要|如有|如需|需要我|还有什么|還有什麼|请告诉我|請告訴我|请随时|有任何
    お役に立て|ご不明|ご質問|ご希望|他に|ほかに|続きを|何か|お気軽に|必要でしたら|必要であれば|以上です
    도움이|더 필요|더 궁금|추가로|궁금한|계속할까요|언제든지|필요하시면|다른 질문
    ich hoffe, das|ich hoffe, dies|ich hoffe das|sag bescheid|sag mir bescheid|sagen sie|lass mich wissen
    lassen sie mich|lass es mich
    möchtest du|möchten sie|falls du|falls sie|wenn du noch|wenn sie noch|brauchst du|kann ich dir
    kann ich ihnen|gib bescheid|gib mir bescheid|melde dich|gerne kann ich|bei fragen
    n'hésite|n’hésite|j'espère que|j’espère que|souhaitez-vous|voulez-vous|veux-tu|dites-moi|dis-moi|faites-moi
    fais-moi|si vous avez|si vous souhaitez|si tu as|si tu veux|y a-t-il|puis-je
    espero que|avísame|avísenme|hazme saber|házmelo|hágame|¿quieres|¿te gustaría|¿desea|¿hay algo|¿necesitas|¿puedo
    si necesitas|si tienes|si quieres|dime si|no dudes|no dude
    me avise|avise-me|quer que|deseja que|gostaria que|se precisar|se tiver|se quiser|há mais|posso ajudar
    fique à vontade|diga-me|é só
    spero che|fammi sapere|mi faccia sapere|vuoi che|desideri|se hai|se vuoi|se ti serve|c'è altro|posso aiut|dimmi se
    resto a disposizione
    надеюсь|дайте знать|дай знать|если у вас|если вам|если у тебя|если нужно|если хотите|если понадоб|хотите|нужно ли
    могу ли|обращайтесь|сообщите|сподіваюс|дайте мені|якщо у вас|якщо вам|чи хочете
    laat me weten|laat het me|laat maar weten|ik hoop dat|wil je dat|als je nog|heb je nog|kan ik je|kan ik u
    daj znać|daj mi znać|mam nadzieję|czy mam|czy chcesz|czy potrzebujesz|jeśli masz|jeśli chcesz|jeśli potrzebujesz
    w razie pytań
    umarım|başka bir|başka soru|devam etmemi|isterseniz|istersen|yardımcı ol|bana bildir
    hy vọng|bạn có muốn|bạn có cần|nếu bạn|hãy cho|cho mình biết
    semoga|apakah anda|apakah kamu|apakah ada|jika anda|jika ada|jika kamu|beri tahu|silakan
    أخبرني|هل تريد|هل ترغب|هل تحتاج|آمل أن|أتمنى|إذا كان لديك|إذا كنت|لا تتردد|هل هناك
    आशा है|उम्मीद है|क्या आप|क्या मैं|अगर आप|यदि आप|कृपया|बताइए|मुझे बताएं|मुझे बताएँ
    hör av dig|säg till|vill du att|hoppas|sig til|si fra|si ifra|vil du ha|vil du have|håper|håber
    kerro|toivottavasti|haluatko|dej vědět|dejte vědět|doufám|chceš|přejete si|szólj|remélem|szeretné|spune-mi|sper că
    doriți|ενημερώστε|ενημέρωσέ|ελπίζω|θέλεις|θέλετε|אשמח|האם תרצה|מקווה|หวังว่า|หากคุณ|ต้องการให้
"""
_WHOLE_STARTS = """
    this completes|this concludes|that completes|that concludes|that's everything|and that's everything|the response is
    the document is now|the answer is now|the code is now|i've now|i have now|以上就是
"""
_WHO_STARTS = """
    disclaimer|note:|this text|this content|this article|this response|this document|the above|please note|⚠
    ai-generated|ai generated|uwaga|hinweis|avertissement|remarque|nota:|aviso|以上内容|本文由|本内容|以上由
"""
_WHOLE = lazy(
    r".*(?:\b(?:response|answer|message|continuation|cut[ -]off|full version"
    r"|complete (?:text|version|document|code|file)|let me know|feel free|would you like|tell me)\b|全部|修改)",
)
"""What such a line says that is about the text as a whole."""
_VOICE = lazy(
    r"\b(?:let me know if (?:you(?:['’]d| would) like|you need|you have (?:any|more|further)|i |there|any)"
    r"|let me know if you want (?:me|more|anything|to (?:add|change|see))|tell me if you|(?:like|want|need) me to"
    r"|can i (?:help|assist|do)|i can (?:also|help|go)|i['’](?:d|m|ll) (?:be )?(?:happy|glad)|i am (?:happy|glad)"
    r"|i hope (?:this|that|it)|hope (?:this|that) helps|anything else (?:you|i)|happy coding"
    r"|(?:next|remaining|following) (?:part|section|chunk|portion)|(?:want|like) the rest|(?:go|carry) (?:on|further)"
    r"|keep going|happy to help|feel free to (?:ask|let me)|don['’]t hesitate to ask|ask me|want more|more details\?)"
    r"|\b(?:ich|mir|mich|que je|puis-je|dois-je|moi|yo|hazme|házmelo|dime|ayudar(?:te|le)|eu|mim|avise-me|diga-me"
    r"|ajudar|io|fammi|dimmi|aiutarti|ik|mij|mnie|bana|tôi|mình|saya|aku|jag|mig|jeg|meg)\b|\bj['’]|\bm['’]"
    r"|si tu as d['’]autres questions|n['’]hésitez? pas si|¿quieres que|vuoi che|quer que eu|¿hay algo más"
    r"|¿necesitas algo|avísame|me avise|laat (?:het )?me weten|sag bescheid|gib bescheid|melde dich|daj (?:mi )?znać"
    r"|mam nadzieję|umarım|hör av dig|säg till|sig til|si fra|si ifra|kerro|дайте знать|дай знать|дайте знати"
    r"|надеюсь|сподіва|мне\b|меня\b|чтобы я|spero|sper că|doufám|remélem|szólj|dej vědět|dejte vědět|spune-mi"
    r"|espero que|semoga|hy vọng|我|希望.{0,12}(?:帮|幫|有用)|请随时(?:告诉|提问|问)|お役に立て|お知らせください"
    r"|お申し付け|続けますか|質問があれば|도움이 되|말씀해|계속할까요|알려 ?주|أخبرني|آمل|أتمنى|هل تريد|هل ترغب|आशा है"
    r"|उम्मीद है|मुझे|मैं|ελπίζω|אשמח|מקווה|หวังว่า",
)
"""How leave sounds: somebody speaks of himself, or of what was written here."""
_SPEAKS = lazy(
    r"\b(?:I|[Mm]e|[Mm]y|[Mm]yself|[Ii]ch|[Mm]ir|[Mm]ich|[Mm]ein\w{0,2}|[Jj]e|[Mm]oi|[Mm]on"
    r"|[Yy]o|[Mm]i|[Mm]is|conmigo|[Ee]u|[Mm]eus?|[Mm]inhas?|[Ii]o|[Mm]io|[Ii]k|[Mm]ij|[Jj]ag|[Mm]ig"
    r"|[Jj]eg|[Mm]eg"
    r"|[Bb]en|[Bb]ana|[Tt]ôi|[Ss]aya|[Яя]|[Мм]не|[Мм]еня|[Мм]ені|أنا)\b|j['’]|我|私|僕|俺|저는|제가|나는|मैं|मुझे"
)
"""A text that somebody speaks in, of himself: it may take leave of its reader, too."""


_SENTENCE = lazy(r"[.!?]\s|[。！？]")


def _by_first(*groups: str) -> dict[str, tuple[str, ...]]:
    """Beginnings of lines by their first character."""
    found: dict[str, list[str]] = {}
    lines = [line.lstrip() for group in groups for line in group.strip().split("\n")]
    for start in itertools.chain.from_iterable(line.split("|") for line in lines):
        found.setdefault(start[0], []).append(start)
    return {first: tuple(starts) for first, starts in found.items()}


_LEAVES, _SAYS_WHOLE, _SAYS_WHO = _by_first(_LEAVE_STARTS), _by_first(_WHOLE_STARTS), _by_first(_WHO_STARTS)
_IN_LINE = _by_first(_IN_LINE_STARTS)
_STARTS = _by_first(_GOES_ON_STARTS, _WHOLE_STARTS, _WHO_STARTS)
_MARKS, _BRACKETS = " \t*_([（【", "*_([（【—–-=~"
_ITEM = ("- ", "* ")
_MARKED = 100
"""Characters that a note in brackets has at most."""


def may_be_note(line: str) -> bool:
    """Whether the beginning of a line may be one of a note to the reader, or become one: what begins like leave only
    until its first sentence has ended without a voice of its own."""
    words = line.lstrip(_MARKS).casefold()
    if not words.strip("-.… ") or _begins(words, _STARTS):
        return True
    first = _first_sentence(words)
    if _begins(words, _LEAVES) and (first == words or _VOICE.search(first) is not None):
        return True
    return line[:1] in _BRACKETS and len(line) <= _MARKED and not line.startswith(_ITEM)


def _begins(words: str, starts: dict[str, tuple[str, ...]]) -> bool:
    return any(words.startswith(start) or start.startswith(words) for start in starts.get(words[0], ()))


def _first_sentence(words: str) -> str:
    """All of the words, if it is not ended."""
    end = _SENTENCE.search(words)
    return words if end is None else words[: end.end()]


def says_more(line: str) -> bool:
    """Whether a line is a note that there is more to come."""
    return _GOES_ON.fullmatch(line.casefold()) is not None and not _CUE.fullmatch(line)


def in_line(body: str, line: int) -> int | None:
    """Where a note in brackets begins that there is more to come, at the end of the line that begins at `line`, which
    is the last."""
    match = _LAST_BRACKETS.search(body, max(line, len(body) - _LONGEST_IN_LINE))
    if match is None or not _begins_in_line(match.group(1).lstrip("*[(（")) or not says_more(match.group(1)):
        return None
    if _NEXT_REPLY.search(match.group(1)) is None:
        return None
    return match.start()


def in_line_may_begin(text: str) -> int:
    """Where what may become such a note begins, as far as it came in; the length of the text if nothing may."""
    if not any(map(text.__contains__, "[(（")):
        return len(text)
    match = _OPEN_BRACKETS.search(text, max(0, len(text) - _LONGEST_IN_LINE))
    return len(text) if match is None or not _begins_in_line(match.group(1)) else match.start()


def _begins_in_line(words: str) -> bool:
    return not words or _begins(words.casefold(), _IN_LINE)


def _counts(marked: re.Match[str]) -> bool:
    found = _COUNT.fullmatch(marked.group(2).strip())
    if found is None:
        return False
    if found["all"] is None:
        return True
    bare = found["what"] is None and marked["open"][0] not in "[(（【—–=~-"
    return not bare and 0 < int(found["one"]) <= int(found["all"]) <= _MOST_PARTS


def counts_parts(line: str, text: str) -> bool:
    """Whether a line says which part of the text ends, or how many words that was, and the text itself speaks of no
    such things."""
    words = line.casefold()
    marked = _IN_MARKS.fullmatch(words) if not words.startswith(_ITEM) else None
    size = _SIZE.fullmatch(marked.group(2).strip()) if marked is not None else None
    if size is not None:
        return bool(size["part"] or size["here"]) and _NAMES_SIZE.search(text) is None
    counts = _counts(marked) if marked is not None else _ENDS_PART.fullmatch(words) is not None
    return counts and _NAMES_PART.search(text) is None


def counts_words(line: str, text: str) -> bool:
    """Whether a line says how many words there are, and the text itself does not speak of that."""
    marked = _IN_MARKS.fullmatch(line.casefold())
    counts = marked is not None and _SIZE.fullmatch(marked.group(2).strip()) is not None
    return counts and _NAMES_SIZE.search(text) is None


def is_machine_made(line: str, text: str) -> bool:
    """Whether a line says that a machine wrote the text, and the text is not about such things."""
    words = line.lstrip(_MARKS).casefold()
    made = words.startswith(_SAYS_WHO.get(words[:1], ())) and _MACHINE.fullmatch(words) is not None
    return made and _NAMES_MACHINE.search(text) is None


def takes_leave(line: str) -> bool:
    """Whether a line takes leave of the reader in a voice of its own."""
    words = line.lstrip(_MARKS).casefold()
    return words.startswith(_LEAVES.get(words[:1], ())) and _VOICE.search(_first_sentence(words)) is not None


def says_whole(line: str) -> bool:
    """Whether a line says that the text is whole now."""
    words = line.lstrip(_MARKS).casefold()
    return words.startswith(_SAYS_WHOLE.get(words[:1], ())) and _WHOLE.match(words) is not None


def speaks(text: str) -> bool:
    """Whether somebody speaks of himself in a text: it may take leave of its reader, too."""
    return _SPEAKS.search(text) is not None
