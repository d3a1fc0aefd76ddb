"""What models say behind a text in some thirty languages: that it goes on, that it is whole, and leave of its reader.

Beginnings of lines are separated by `|`; case does not count. A line is a note only if it begins so, for what may
become one has to be held back while it comes in.
"""

from __future__ import annotations

import itertools
import re

from continuum._core.stitch.lazy import lazy

_PART = r"(?:part|section|chunk|message|page|teil|partie|parte|del|deel|część|часть|частина|bölüm|bagian|phần)"
_GOES_ON = lazy(
    r"[\[(*_（【—–-]{1,4}\s*(?:(?:to be )?continu(?:ed|es|ing)\b|(?:note|ps)?[: ]*(?:the|this|my)?\s*"
    r"(?:output|response|answer|message|text|document) (?:was |is |has been |will be )?(?:truncated|cut|continue)"
    r"|message limit reached|end of part \d.{1,5}(?:say|reply|type|send)\b"
    r"|未完待续|未完|待续|待續|下接|续|続く|つづく|계속"
    r"|fortsetzung folgt|wird fortgesetzt|à suivre|a suivre|la suite (?:au|dans)|suite (?:au|dans)|continuará|continúa"
    r"|continua|segue\b|prosegue|продолжение следует|продолжение в|далі буде|wordt vervolgd|ciąg dalszy|c\.?d\.?n"
    r"|devam edecek|devamı|يتبع|जारी|bersambung|còn tiếp|fortsättning|fortsettelse|fortsættelse|jatkuu|pokračování"
    r"|folytatjuk|folytatás|va urma|συνεχίζεται|המשך|ادامه دارد|ต่อ).{0,100}"
    r"[\])*_）】—–-]{1,4}"
    r"|(?:would you like|do you want|shall|should) (?:me|i) (?:to )?(?:continue|go on|proceed|keep going)\b.{0,80}\?"
    r"|(?:please )?(?:let me know|tell me|say) .{0,40}\bcontinue\b.{0,60}[.!]"
    r"|(?:please )?(?:type|reply|respond|send)(?: with)? [\"“'‘*]{1,3}(?:continue|go on|go|next|more)[\"”'’*]{1,3}"
    r".{0,30}\b(?:the rest|more|next part|remaining|i'll|i will)\b.{0,40}[.!]"
    r"|(?:需要我|要我|是否需要|要不要我?)继续.{0,20}[?？]|続けますか.{0,10}|続きを書きましょうか.{0,10}|계속할까요.{0,10}"
    r"|(?:soll ich|dois-je|¿quieres que|vuoi che|quer que eu) (?:weiter|fort|continu|prosegu|prossig|siga).{0,60}\?",
)
"""The whole of a last line that says that there is more to come, in small letters."""
_COUNTED = lazy(
    rf"\b{_PART}\s*\d|{_PART} (?:one|two|three)\b|\d\s*/\s*\d|\b\d+ (?:of|von|de|sur|из|z) \d"
    r"|第\s*[\d一二三四五六七八九十]{1,3}\s*(?:部|页|頁|回)"
)
"""What a line says, in small letters, that counts the parts of a text."""
_REFERS = lazy(r"(?:see|cf|compare|siehe|vgl|voir|véase|ver|cfr|vedi|см|参见|参照)\b")
_IN_MARKS = lazy(
    r"(?:[\[(（【]|[*_]{1,3}[\[(]?|[—–=~]{1,3}\s*|-{2,3}\s+)(.{2,60}?)[.:…]?"
    r"(?:[\])）】][*_]{0,3}|[*_]{1,3}|\s*[—–=~]{1,3}|\s+-{2,3})"
)
"""A line in brackets, between dashes, or in other letters."""
_ENDS_PART = lazy(rf"end of (?:the )?{_PART} \d{{1,3}}[.!]?")
_NAMES_PART = lazy(rf"\b{_PART}\s*\d|第\s*[\d一二三四五六七八九十]{{1,3}}\s*(?:部|页|頁|回)", re.I)
"""What a text says that has parts."""
_GOES_ON_STARTS = """
    continue|continuing|to be continu|type|reply|respond|send|please type|please reply|please respond|please send
    需要我继续|要我继续|是否需要继续|要不要|would you like|do you want|shall i |should i |please let me|please tell me
    please say|let me know|tell me|say|soll ich|dois-je|¿quieres que|vuoi che|quer que eu|続けますか|続きを|계속할까요
    end of |第
"""
_LEAVE_STARTS = """
    let me know|please let me know|please tell me|feel free|please feel free|i hope this|i hope that|i hope it
    hope this|hope that helps|is there anything|anything else|happy coding|would you like|do you want|do you need
    shall i|should i|want me to|if you'd like|if you’d like|if you would like|if you want|if you need|if you have any
    if anything|if there's anything|if there is anything|i can also|i'd be happy|i’d be happy|i'm happy to|i am happy
    happy to |glad to |don't hesitate|don’t hesitate|please don't hesitate|do not hesitate|just let me know|just say
    that's all|that's the rest|that’s all|that is all|that should |there you go|ready for|thank you for|thanks for
    希望|如果您|如果你|如果还|如果還|如果需要|如有|如需|需要我|还有什么|還有什麼|请告诉我|請告訴我|请随时|有任何
    お役に立て|ご不明|ご質問|ご希望|他に|ほかに|続きを|何か|お気軽に|必要でしたら|必要であれば|以上です
    도움이|더 필요|더 궁금|추가로|궁금한|계속할까요|언제든지|필요하시면|다른 질문
    ich hoffe, das|ich hoffe, dies|ich hoffe das|sag bescheid|sag mir bescheid|sagen sie|lass mich wissen
    lassen sie mich|lass es mich
    soll ich|möchtest du|möchten sie|falls du|falls sie|wenn du noch|wenn sie noch|brauchst du|kann ich dir
    kann ich ihnen|gib bescheid|gib mir bescheid|melde dich|gerne kann ich|bei fragen
    n'hésite|n’hésite|j'espère que|j’espère que|souhaitez-vous|voulez-vous|veux-tu|dois-je|dites-moi|dis-moi|faites-moi
    fais-moi|si vous avez|si vous souhaitez|si tu as|si tu veux|y a-t-il|puis-je
    espero que|avísame|avísenme|hazme saber|házmelo|hágame|¿quieres|¿te gustaría|¿desea|¿hay algo|¿necesitas|¿puedo
    si necesitas|si tienes|si quieres|dime si|no dudes|no dude
    me avise|avise-me|quer que|deseja que|gostaria que|se precisar|se tiver|se quiser|há mais|posso ajudar
    fique à vontade|diga-me|é só
    spero che|fammi sapere|mi faccia sapere|vuoi che|desideri|se hai|se vuoi|se ti serve|c'è altro|posso aiut|dimmi se
    resto a disposizione
    надеюсь|дайте знать|дай знать|если у вас|если вам|если у тебя|если нужно|если хотите|если понадоб|хотите|нужно ли
    могу ли|обращайтесь|сообщите|сподіваюс|дайте мені|якщо у вас|якщо вам|чи хочете
    laat me weten|laat het me|laat maar weten|ik hoop dat|wil je dat|zal ik|als je nog|heb je nog|kan ik je|kan ik u
    daj znać|daj mi znać|mam nadzieję|czy mam|czy chcesz|czy potrzebujesz|jeśli masz|jeśli chcesz|jeśli potrzebujesz
    w razie pytań
    umarım|başka bir|başka soru|devam etmemi|isterseniz|istersen|yardımcı ol|bana bildir
    hy vọng|bạn có muốn|bạn có cần|nếu bạn|hãy cho|cho mình biết
    semoga|apakah anda|apakah kamu|apakah ada|jika anda|jika ada|jika kamu|beri tahu|silakan
    أخبرني|هل تريد|هل ترغب|هل تحتاج|آمل أن|أتمنى|إذا كان لديك|إذا كنت|لا تتردد|هل هناك
    आशा है|उम्मीद है|क्या आप|क्या मैं|अगर आप|यदि आप|कृपया|बताइए|मुझे बताएं|मुझे बताएँ
    hör av dig|säg till|vill du att|hoppas|ska jag|sig til|si fra|si ifra|vil du ha|vil du have|skal jeg|håper|håber
    kerro|toivottavasti|haluatko|dej vědět|dejte vědět|doufám|chceš|přejete si|szólj|remélem|szeretné|spune-mi|sper că
    doriți|ενημερώστε|ενημέρωσέ|ελπίζω|θέλεις|θέλετε|אשמח|האם תרצה|מקווה|หวังว่า|หากคุณ|ต้องการให้
"""
_WHOLE_STARTS = """
    this completes|this concludes|that completes|that concludes|that's everything|and that's everything|the response is
    the document is now|the answer is now|the code is now|i've now|i have now|以上就是
"""
_WHOLE = lazy(
    r".*(?:\b(?:response|answer|message|continuation|cut[ -]off|full version"
    r"|complete (?:text|version|document|code|file)|let me know|feel free|would you like|tell me)\b|全部|修改)",
)
"""What such a line says that is about the text as a whole."""
_OFFERS = lazy(
    r"\b(?:let me know (?:if|whether|when|which|should)|tell me (?:if|whether)|me to|i can\b|can i\b|anything else"
    r"|(?:this|that|it) (?:helps|completes|clarifies|answers|covers|is helpful|was helpful|meets)|reach out|questions?"
    r"|need (?:more|any)|want more|like more|more details?|help you|to help|to expand|to continue|expand on|feedback"
    r"|fragen?|hilft|helfen|weiter|bescheid|brauchst|brauchen|soll ich|aide[rz]?|aidera|continu\w*|préciser|besoin"
    r"|preguntas?|ayud\w*|siga|necesit\w*|dudas?|perguntas?|ajud\w*|dúvidas?|precisar|prossiga|domande|aiut\w*|serve"
    r"|prosegua|vragen|help\w*|nodig|verder|pyta\w*|pomóc|pomocn\w*|kontynu\w*|soru\w*|yardım\w*|devam|câu hỏi|giúp"
    r"|tiếp tục|pertanyaan|bantu\w*|membantu|lanjut\w*|frågor|hjälp\w*|spørsmål|hjelp\w*|spørgsmål|hjælp\w*|kysy\w*"
    r"|auttaa|dotaz\w*|pomoh\w*|kérdés\w*|segít\w*|întrebări|ajut\w*)\b"
    r"|вопрос|помо[гжщ]|продолж|нужн|питан|допомо|帮|幫|有用|问题|問題|继续|繼續|告诉我|告訴我|修改|補充|补充|联系"
    r"|役に立|質問|続け|続き|お知らせ|お申し付け|手伝|必要|도움|질문|계속|궁금|필요|말씀|مساعد|أسئلة|سؤال|أكمل|أتابع|تحتاج"
    r"|मदद|सवाल|प्रश्न|सहाय|जारी|ερωτήσ|βοηθ|συνεχ|שאלות|לעזור|להמשיך|ช่วย|คำถาม|ประโยชน์",
)
"""What leave is about: help, questions, going on."""
_SPEAKS = lazy(
    r"\b(?:I|[Mm]e|[Mm]y|[Mm]yself|[Ii]ch|[Mm]ir|[Mm]ich|[Mm]ein\w{0,2}|[Jj]e|[Mm]oi|[Mm]on"
    r"|[Yy]o|[Mm]i|[Mm]is|conmigo|[Ee]u|[Mm]eus?|[Mm]inhas?|[Ii]o|[Mm]io|[Ii]k|[Mm]ij|[Jj]ag|[Mm]ig|[Jj]eg|[Mm]eg"
    r"|[Bb]en|[Bb]ana|[Tt]ôi|[Ss]aya|[Яя]|[Мм]не|[Мм]еня|[Мм]ені|أنا)\b|j['’]|我|私|僕|俺|저는|제가|나는|मैं|मुझे"
)
"""A text that somebody speaks in, of himself: it may take leave of its reader, too."""


def _by_first(*groups: str) -> dict[str, tuple[str, ...]]:
    """Beginnings of lines by their first character."""
    found: dict[str, list[str]] = {}
    lines = [line.lstrip() for group in groups for line in group.strip().split("\n")]
    for start in itertools.chain.from_iterable(line.split("|") for line in lines):
        found.setdefault(start[0], []).append(start)
    return {first: tuple(starts) for first, starts in found.items()}


_LEAVES, _SAYS_WHOLE = _by_first(_LEAVE_STARTS), _by_first(_WHOLE_STARTS)
_STARTS = _by_first(_GOES_ON_STARTS, _LEAVE_STARTS, _WHOLE_STARTS)
_MARKS, _BRACKETS = " \t*_([（【", "*_([（【—–-=~"
_ITEM = ("- ", "* ")
_MARKED = 100
"""Characters that a note in brackets has at most."""


def may_be_note(line: str) -> bool:
    """Whether the beginning of a line may be one of a note to the reader, or become one."""
    words = line.lstrip(_MARKS).casefold()
    if not words.strip("-") or any(words.startswith(s) or s.startswith(words) for s in _STARTS.get(words[0], ())):
        return True
    return line[:1] in _BRACKETS and len(line) <= _MARKED and not line.startswith(_ITEM)


def goes_on(line: str) -> bool:
    """Whether a line is a note that there is more to come."""
    return _GOES_ON.fullmatch(line.casefold()) is not None


def counts_parts(line: str, text: str) -> bool:
    """Whether a line says which part of the text ends, and the text itself has no parts."""
    words = line.casefold()
    marked = _IN_MARKS.fullmatch(words) if not words.startswith(_ITEM) else None
    if marked is not None:
        counts = _COUNTED.search(marked.group(1)) is not None and _REFERS.match(marked.group(1)) is None
    else:
        counts = _ENDS_PART.fullmatch(words) is not None
    return counts and _NAMES_PART.search(text) is None


def takes_leave(line: str, surely: bool) -> bool:
    """Whether a line takes leave of the reader or says that the text is whole; unless that is so `surely`, it has to
    offer something as well."""
    words = line.lstrip(_MARKS).casefold()
    if words.startswith(_SAYS_WHOLE.get(words[:1], ())):
        return surely and _WHOLE.match(words) is not None
    return words.startswith(_LEAVES.get(words[:1], ())) and (surely or _OFFERS.search(words) is not None)


def speaks(text: str) -> bool:
    """Whether somebody speaks of himself in a text: it may take leave of its reader, too."""
    return _SPEAKS.search(text) is not None
