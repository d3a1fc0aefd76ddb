"""The talk that models put before a continuation: "Sure, continuing from where I left off:" in many languages.

A lexicon of what such lines speak about (going on, the rest, the cut, an apology) and the shape of the line: it is
short, it comes first, and it ends like an announcement.
"""

from __future__ import annotations

import re
from functools import lru_cache

from continuum._core.stitch.lazy import lazy

# What the line is about. One of these makes a short first line talk; the list is by meaning, then by language.
_STRONG = lazy(
    r"""
    \bcontinu(?:e|ed|es|ing|ation)\b | \bresum(?:e|ed|ing)\b | \bpick(?:ing|ed)?\b.{0,20}\bup\b
    | \bcarry(?:ing)?\s+on\b
    | \b(?:left|leave|leaving|broke)\s+off\b | \bcut[ -]?off\b
    | \b(?:was|got|were|been)\s+(?:cut|interrupted|truncated|stopped)
    | \b(?:the|its|your|my)\s+(?:rest|remainder|remaining)\b
    | \bremaining\s+(?:part|text|code|content|section|portion|output|lines?|items?)
    | \bwhere\s+(?:i|we|you|it|that|the\s+\w+(?:\s+\w+)?)\s+(?:left|stopped|ended|was|broke|paused)
    | \b(?:previous|last|earlier|prior)\s+(?:message|response|answer|reply|output|part|section|line|turn)
    | \bpart\s+(?:2|two|ii)\b | \b(?:interruption|truncated|truncation\s+point|cutoff)\b
    | \bnext\s+(?:part|portion|chunk)\b
    | \b(?:complet|finish)ing\b | \bfinish\s+(?:the|it|this)\b | \bgo(?:ing)?\s+on\s*(?:from\b|:|\.|$)
    | \bkeep\s+going\b
    | \bpick\s+up\b | \bproceed(?:ing)?\b | \bmissing\s+(?:part|text|piece|end)
    # Germanic
    | \bfortsetz\w* | \bfortgesetzt | \bfortfahr\w* | \bweiter(?:\s|machen|gehen|schreiben|führen|hin|:|,|\.|!|$)
    | \bder\s+rest\b | \baufgehört | \bunterbrochen | \babgebrochen
    | \bvervolg\w* | \bverder\b | \bgebleven\b | \bga\s+door\b | \bfortsätt\w* | \bfortsett\w* | \bfortsæt\w*
    | \bresten\b | \brest\s+van
    # Romance
    | \bcontinu[aoeéiáà]\w* | \bla\s+suite\b | \bsuite\s+(?:de|du|:) | \breprend\w* | \breprise\b
    | \ble\s+reste\b | \brestant\w* | \bpoursui\w*
    | \bel\s+resto\b | \bil\s+resto\b | \bo\s+rest(?:o|ante)\b | \brestul\b | \bretom\w* | \breanud\w* | \bdejé\b
    | \bquedó\b | \bquedé\b | \bparei\b | \bparou\b | \bsigo\b | \bseguir\b | \bsiguiendo\b
    | \bprosegu\w* | \briprend\w* | \binterrott\w* | \bcontinuăm\b | \binterrump\w* | \binterromp\w* | \binterrompu\w*
    # Slavic, Greek, Turkish, Finnic, Hungarian
    | \bпродолж\w* | \bпродовж\w* | \bдальше\b | \bостанов\w* | \bзупин\w* | \bостал\w*\s | \bостав\w*
    | \bостаток | \bпрерв\w* | \bрешта\b
    | \bkontynu\w* | \bciąg\s+dalszy | \bdalsz\w* | \breszta\b | \bprzerwa\w* | \bpokra[čc]\w* | \bzbyt\w*
    | \bnastav\w* | \bпродължа\w* | \bнастав\w*
    | \bσυνεχ\w* | \bσυνέχ\w* | \bdevam\w* | \bkald\w* | \bgeri\s?kalan\w* | \bjatk\w* | \bjätk\w* | \bfolytat\w*
    | \bloppu\w*
    # Vietnamese, Indonesian, Swahili
    | \btiếp\s+t[ụu]c | \bphần\s+(?:còn\s+lại|tiếp) | \bmelanjut\w* | \blanjut\w* | \bsisanya\b | \bselebihnya\b
    | \binaendelea | \bendelea
    # Scripts without spaces, Semitic, Indic
    | 继续 | 接着 | 接上 | 接續 | 繼續 | 剩余 | 剩下 | 其余 | 余下 | 剩餘 | 其餘 | 续写 | 下文 | 中断 | 后续
    | 続き | 続け | 続行 | 再開 | 残り | つづき | 以降 | 中断
    | 계속 | 이어 | 나머지 | 끊긴 | 중단
    | أكمل | إكمال | أتابع | متابعة | نتابع | نكمل | استكمال | تتمة | بقية | باقي | توقفت | المتبقي | يتبع
    | أواصل | مواصلة
    | ממשיך | להמשיך | המשך | נמשיך | ההמשך | יתרת | שאר
    | ادامه | باقی | بقیه
    | जारी | आगे | शेष | बाकी | चालू | চালিয়ে | অবশিষ্ট | தொடர
    | ต่อไป | ต่อจาก | ส่วนที่เหลือ | ดำเนินการต่อ | ต่อ:
    """,
    re.X | re.I,
)
# Words that only open such a line.
_OPENER = lazy(
    r"""\W*(?:sure(?:\s+thing)?|certainly|of\s+course|absolutely|okay|ok|alright|all\s+right|right|got\s+it|understood|no\s+problem|yes|great|thanks?(?:\s+you)?
    |apologies|my\s+apologies|(?:i'm\s+|i\s+am\s+|so\s+|very\s+)?sorry|i\s+apologi[sz]e|you'?re\s+right|happy\s+to|gladly|definitely|let\s+me|here(?:'s|\s+is|\s+are|\s+it\s+is)|i'?ll|i\s+will|as\s+requested|below\s+is|the\s+following\s+is
    |natürlich|klar|gerne?|selbstverständlich|entschuldig\w*|hier\s+(?:ist|sind|kommt)|ich\s+(?:mache|setze|fahre|schreibe)
    |bien\s+s[ûu]r|d'accord|désolé\w*|voici|certainement|très\s+bien|je\s+(?:reprends|continue|poursuis)
    |claro|por\s+supuesto|desde\s+luego|perdón|disculp\w*|aquí|lo\s+siento|entendido|vale
    |com\s+certeza|desculp\w*|aqui\s+está|certo|certamente|ecco|scusa\w*|va\s+bene
    |natuurlijk|zeker|hier\s+is|sorry|excuses|tabii|elbette|tamam|işte|üzgünüm
    |конечно|хорошо|извини\w*|прошу\s+прощения|вот|разумеется|звичайно|oczywiście|jasne|przepraszam|oto|samozřejmě|jistě|självklart|selvfølgelig|visst
    |好的|当然|抱歉|對不起|对不起|没问题|以下|はい|承知|もちろん|申し訳|以下|かしこまり|了解|네|물론|죄송|알겠|다음은|بالتأكيد|بالطبع|حسن|عذر|آسف|إليك|فيما|בטח|כמובן|סליחה|हाँ|ज़रूर|बिल्कुल|क्षमा|यहाँ|chắc\s+chắn|vâng|được|xin\s+lỗi|tentu|baik|maaf|berikut|แน่นอน|ได้|ขออภัย|นี่คือ)(?!\w)
    |(?:好的|当然|抱歉|没问题|以下|はい|承知|もちろん|申し訳|かしこまり|了解|네|물론|죄송|알겠)""",
    re.X | re.I,
)
_FIRST_PERSON = lazy(
    r"\b(?:I|I'll|I’ll|we|let me|let's|here(?:'s|’s| is| are)|my|you|your|je|ich|voici|hier|aquí|ecco|вот)\b|我|私|저",
    re.I,
)
_END = lazy(r"[:：.!。！…)\]）】*_—-]\s*$|\.\.\.\s*$|---\s*$")
_BRACKETED = lazy(r"\s*(?:[(\[（【*_#>]|---).*", re.S)
MAX_TALK = 320


@lru_cache(maxsize=512)
def announces(line: str) -> float:
    """How much a short piece of text reads like talk about going on: 0 (not at all) to about 12 bits."""
    if not line.strip() or len(line) > MAX_TALK or not _END.search(line):
        return 0.0
    strong = {m.group().casefold()[:5] for m in _STRONG.finditer(line)}
    if not strong:
        return 0.0
    bits = 4.0 + 2.0 * min(len(strong), 3)
    if _OPENER.match(line) or _FIRST_PERSON.search(line):
        bits += 3.0
    if _BRACKETED.fullmatch(line) and len(line) < 80:
        bits += 3.0
    if line.rstrip()[-1:] in ":：…" or line.rstrip().endswith(("...", ":**", "：**")):
        bits += 2.0
    if len(line) > 160:
        bits -= 2.0
    return bits


def is_opener(line: str) -> bool:
    """Whether a piece is only a word like "Sure!" that opens talk."""
    match = _OPENER.match(line)
    return match is not None and len(line.strip()) <= 60


def speaks_of_going_on(line: str) -> bool:
    """Whether any word in the line is about going on, the rest, or the cut."""
    return _STRONG.search(line) is not None


@lru_cache(maxsize=512)
def may_announce(line: str) -> bool:
    """Whether an unfinished first line may still become talk: it opens like it, or speaks of going on already."""
    start = line.strip()
    if not start:
        return True
    return len(line) <= MAX_TALK and (_OPENER.match(start) is not None or _STRONG.search(start) is not None)


def speaks(left: str, head: str) -> bool:
    """Whether the reply opens like talk ("You're right, ...") where the text stands in the middle of a line."""
    return (
        left[-1:] not in ("", "\n")
        and left.rstrip()[-1:] not in ".!?:。！？："
        and _OPENER.match(head[:80]) is not None
    )
