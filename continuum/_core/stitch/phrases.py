"""What models speak about when they announce a continuation, in some forty languages.

Words are separated by white space and compared without regard to case. `*` stands for any ending, `_` joins the words
of a phrase. Languages whose words are not set apart by blanks, or are written with marks that regular expressions take
for no letters, have pieces that may stand anywhere.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

# One of these makes a short first line talk.
_STRONG = {
    "going on": """
        continuing continuation continue_from continue_where continue_with continue_right continue_exactly i'll_continue
        let_me_continue will_continue can_continue to_continue me_to_continue continued_from continued_below
        resume resuming resumed_from proceeding proceed_from proceed_with
        pick_up picking_up picks_up picked_up pick_things_up pick_this_up pick_it_up carry_on carrying_on
        going_on_from keep_going moving_on carried_on onwards_from cont'd where_were_we append_this append_it
        comes_next comes_after what_comes_next goes_on_like next_stretch get_on_with keep_writing where_we_were
        where_i_was back_to_it follows_on
        fortsetz* fortgesetzt fortfahr* fahre_fort weiter_geht geht_weiter geht_es_weiter mache_weiter da_weiter
        mach_weiter weitermach* weiterschreib* schreibe_weiter weiterführ* weiterhin_ab
        vervolg* verder ga_door gaat_door doorgaan voortzet* fortsätt* fortsett* fortsæt* áfram jatk* jätk*
        continuo continuons continuez continuer continúo continúa continuar continuamos continuando continuación
        continuação continuo continuação continuiamo continuazione continuare continui continuarea continuăm
        continuació continuem la_suite suite_de suite_du reprend* reprenons reprise poursui* sigo seguir siguiendo
        sigamos prosigo prosegu* prossig* prossegu* reanud* retom* riprend* reprenc segueixo
        kontynu* ciąg_dalszy dalsz* pokrač* nastavlj* nastavak nadaljuj* nadaljev* pokračov*
        продолж* дальше продовж* продълж* настављ* наставак працяг*
        συνεχ* συνέχ* devam* sürdür* davam* folytat* turpin* tęsi*
        tiếp_tục tiếp_theo lanjut* melanjut* dilanjut* sambung* endelea inaendelea naendelea kuendelea itutuloy
        ipagpatuloy""",
    "the rest": """
        the_rest rest_of remainder remaining_part remaining_parts remaining_text remaining_code remaining_content
        remaining_section remaining_sections remaining_portion remaining_output remaining_line remaining_lines
        remaining_item remaining_items remaining_steps remaining_rows remaining_pages remaining_chapters the_remaining
        its_remaining your_remaining missing_part missing_parts missing_portion missing_text missing_piece missing_end
        what_was_left what_is_left what's_left unfinished second_half latter_half other_half next_part next_portion
        next_chunk last_part final_part part_two part_ii
        der_rest den_rest restlich* verbleibend* zweite_hälfte rest_van de_rest resterend* overige resten resterande
        återstående gjenstående resterende
        le_reste reste_de reste_du reste_des restant* partie_manquante el_resto resto_de resto_del resto_da resto_do
        resto_della o_resto il_resto o_restante restante* rimanent* parte_mancante parte_que_faltaba lo_que_falta
        restul la_resta resta_de fin_de_la_réponse suite_et_fin
        reszta reszty resztę pozostał* zbytek zbytku zbýv* zbyl* zvyšok ostatak preostal* наставк*
        оставш* остал* остаток остатк* решта решту залиш* останал*
        υπόλοιπ* geri_kalan geri_kalanı kalan_kısım kalan_bölüm loput loppuosa hátralévő maradék*
        phần_còn_lại phần_tiếp còn_lại sisanya selebihnya iliyobaki yaliyobaki zilizobaki natitira*""",
    "the cut": """
        left_off leave_off leaving_off broke_off breaks_off breaking_off broken_off cut_off cutoff cut_short was_cut
        got_cut were_cut been_cut interrupt* truncated truncation_point point_of_truncation was_stopped got_stopped
        ran_out_of mid_sentence midsentence was_incomplete ended_abruptly abrupt_ending stopped_abruptly
        incomplete_response incomplete_answer stopped_mid was_split got_split abgebrochen unterbroch* unterbrechung
        abgeschnitten aufgehört stehengeblieben stehen_geblieben afgekapt afgebroken onderbro* gebleven avbröt* avbrut*
        avbrott avklippt avbrutt kuttet slapp afbrudt afbrød interromp* interrompu* coupure coupée tronqu* arrêté*
        interrump* interrupción cortó cortada truncad* quedó quedé dejé dejamos interrup* cortad* cortou parei parou
        paramos interrott* interruz* troncat* întrerup* rămas tallat tallada przerwa* ucięt* urwa* přeruš* useknut*
        utnut* prekinut* stao прерв* прерыв* оборв* обрыв* обрез* останов* зупин* обірв* перерв* прекъсн* σταμάτησ*
        διακόπ* διακοπ* kesildi kesilen kesintiye kaldığım* kaldığın* kaldığı_yer kaldık* katke* keskey* jäin
        félbeszak* megszak* abbahagy* bị_cắt bị_ngắt dừng_lại gián_đoạn terpotong terputus terhenti lilikatika
        nilipoishia naputol""",
    "the message before": """
        previous_message previous_response previous_answer previous_reply previous_output previous_part previous_turn
        previous_section last_message last_response last_answer last_reply last_output last_turn earlier_message
        earlier_response earlier_answer prior_message prior_response prior_answer
        letzte_nachricht letzten_nachricht letzte_antwort vorherige_antwort vorherigen_antwort vorigen_antwort
        réponse_précédente message_précédent respuesta_anterior mensaje_anterior resposta_anterior mensagem_anterior
        risposta_precedente messaggio_precedente vorige_antwoord vorige_bericht předchozí_odpověď
        попередня_відповідь önceki_yanıt előző_válasz jawaban_sebelumnya câu_trả_lời_trước""",
}
_STRONG_ANYWHERE = {
    "going on": """
        继续 接着 接上 接續 接续 繼續 续写 續寫 （续 （續 续） 續） 続き 続け 続行 再開 つづき 계속 이어서
        이어가 이어갑 이어나 이어쓰
        أكمل إكمال أتابع متابعة نتابع نكمل استكمال تتمة أواصل مواصلة نواصل يتبع ממשיך להמשיך המשך נמשיך ادامه جاری
        जारी आगे চালিয়ে চালু தொடர கొనసాగ ಮುಂದುವರ തുടര გაგრძელ շարունակ ต่อไป ต่อจาก ดำเนินการต่อ ทำต่อ ต่อ:""",
    "the rest": """
        剩余 剩下 其余 余下 剩餘 其餘 后续 後續 下文 后半 後半 残り 以降 나머지 بقية باقي المتبقي יתרת שאר باقی بقیه
        शेष बाकी বাকি অবশিষ্ট மீத மீதி మిగతా మిగిలిన ที่เหลือ""",
    "the cut": """
        中断 中斷 截断 截斷 打断 没有写完 没写完 沒寫完 途切れ 切れて 끊긴 끊겼 끊어 중단 잘렸 잘린 توقفت انقطع انقطاع
        נקטע נעצר הפסק ناقص متوقف अधूर रुका থেমে কেটে অসম্পূর্ণ நின்று துண்டி ถูกตัด ค้างไว้""",
}
# These count where something else speaks for talk: one of the others, or a word that opens it.
_WEAK = {
    "going on": """
        continue continues continued resumed resumes proceed go_on goes_on going_on go_ahead move_on moving_on pick
        weiter fort suite segue segueix dalej далее далі tiếp where_i where_we""",
    "the rest": "rest remaining missing left reste resto übrig* fehlend* mancant* faltaba окончание loppu* többi sisa",
    "the cut": """cut stopped stops incomplete abrupt* broke breaks split stopt slutade terminé terminó skončil* спрях
        kesil* yarıda κόπηκε""",
    "the message before": """
        previous earlier above last_line last_lines last_word last_words last_complete last_paragraph
        ended_with ended_at ends_with first_part this_part vorherig* précédent* anterior*
        precedent* poprzedni* předchoz* предыдущ* попередн* предишн* önceki edelli* előző sebelumnya trước""",
    "repeating": """
        repeat* restate* repetition* recap duplicat* wiederhol* répét* repet* ripet* herhal* powtarz* opakov* повтор*
        tekrar* επανάλ* toist* ismét* lặp_lại mengulang*""",
    "the limit": """
        limit limits limite límite length token tokens grenze begrenzung længde längd ограничен* обмежен* sınır*
        giới_hạn batas""",
    "here": """
        below here_you unten nachfolgend ci_dessous abajo abaixo seguito poniżej níže ниже нижче aşağıda παρακάτω alább
        dưới_đây berikut following follows as_follows""",
    "finishing": """
        finish* complete completes completed completing completion wrap_up vervollständig* beend* complét* complet*
        dokonč* zakończ* заверш* tamamla*""",
}
_WEAK_ANYWHERE = {
    "the message before": "上一 前面 刚才 剛才 先前 之前 前回 上記 이전 앞의 السابق הקודמ قبلی पिछल আগের முந்தைய",
    "repeating": "重复 重複 繰り返 반복 تكرار",
    "the limit": "限制 字数 字數 長度 长度 제한 حد",
    "here": "以下 下面 아래 다음은 다음과 أدناه إليك להלן הנה नीचे নিচে கீழே இதோ ด้านล่าง มีดังนี้",
    "finishing": "补上 補上 完成 완성 마무리",
}
# Words that only open such a line.
_OPENERS = """
    sure certainly of_course absolutely okay ok alright all_right right got_it understood no_problem no_worries yes
    great good_catch thanks thank_you apologies my_apologies sorry so_sorry very_sorry i'm_sorry i_am_sorry i_apologize
    i_apologise oops
    whoops you're_right you_are_right happy_to i'd_be_happy glad_to gladly definitely let_me let's here's here_is
    here_are here_it_is here_you here_comes i'll i_will as_requested below_is below_are
    the_following_is
    natürlich klar gern gerne selbstverständlich entschuldig* tut_mir_leid hier_ist hier_sind hier_kommt ich_mache
    ich_setze ich_fahre ich_schreibe
    bien_sûr bien_sur d'accord désolé* pardon voici certainement très_bien je_reprends je_continue je_poursuis
    claro por_supuesto desde_luego perdón disculp* aquí lo_siento entendido vale com_certeza desculp* aqui_está certo
    certamente ecco scusa* mi_scuso va_bene desigur sigur iată îmi_cer scuze és_clar aquí_tens
    natuurlijk zeker hier_is hier_volgt excuses prima tabii elbette tamam işte üzgünüm özür
    конечно хорошо извини* прошу_прощения простите вот разумеется звичайно звісно перепрошую вибач* ось разбира_се
    ето съжалявам извинете
    oczywiście jasne przepraszam oto samozřejmě jistě omlouvám* zde_je samozrejme naravno
    självklart givetvis ursäkta här_kommer här_är selvfølgelig selvsagt visst beklager her_er her_kommer undskyld
    totta_kai pahoittel* tässä_on természetesen persze elnézést íme βεβαίως φυσικά συγγνώμη ορίστε
    chắc_chắn vâng được xin_lỗi tentu baik maaf bila_shaka samahani hii_hapa
"""
_OPENERS_ANYWHERE = """
    好的 当然 當然 抱歉 對不起 对不起 没问题 沒問題 以下 はい 承知 もちろん 申し訳 かしこまり 了解 네, 네. 네!
    물론 죄송 알겠
    다음은 بالتأكيد بالطبع حسن عذر آسف إليك فيما בטח כמובן סליחה מצטער הנה حتماً متأسف ببخشید हाँ ज़रूर बिल्कुल क्षमा यहाँ
    অবশ্যই দুঃখিত நிச்சயமாக மன்னிக்க แน่นอน ได้เลย ขออภัย นี่คือ
"""
_SORRY = re.compile("申し訳|すみません|抱歉|不好意思|죄송|미안")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LONGEST = 4
"""Words in the longest phrase."""
_START = 3
"""Characters that every stem has."""


class Said(NamedTuple):
    """What a line speaks about: how many things that make it talk, and how many that may."""

    strong: int
    weak: int


class _Lexicon:
    """Phrases by what they speak about, ready to be looked up."""

    def __init__(self, phrases: dict[str, str], anywhere: dict[str, str]) -> None:
        self._whole: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        for about, words in phrases.items():
            for word in words.split():
                if word.endswith("*"):
                    self._stems[word[:-1]] = about
                else:
                    self._whole[word] = about
        self._anywhere = [(piece, about) for about, pieces in anywhere.items() for piece in pieces.split()]
        self._first = {phrase.partition("_")[0] for phrase in self._whole if "_" in phrase}
        self._starts = {stem[:_START] for stem in self._stems}
        self._most = max(map(len, self._stems), default=0)

    def find(self, words: list[str], line: str) -> set[str]:
        """What the line speaks about."""
        found = {about for i in range(len(words)) if (about := self.at(words, i))}
        if not line.isascii():
            found.update(about for piece, about in self._anywhere if piece in line)
        return found

    def at(self, words: list[str], i: int) -> str | None:
        """What the phrase that begins with word `i` speaks about."""
        word = words[i]
        if word in self._first:
            for end in range(min(len(words), i + _LONGEST), i + 1, -1):
                about = self._whole.get("_".join(words[i:end]))
                if about:
                    return about
        about = self._whole.get(word)
        if about is None and word[:_START] in self._starts:
            stems = (word[:size] for size in range(_START, min(len(word), self._most) + 1))
            about = next((self._stems[stem] for stem in stems if stem in self._stems), None)
        return about

    def within(self, words: list[str], i: int) -> bool:
        """Whether word `i` is part of one of the phrases."""
        for start in range(max(0, i - _LONGEST + 1), i + 1):
            for end in range(i + 1, min(len(words), start + _LONGEST) + 1):
                if "_".join(words[start:end]) in self._whole:
                    return True
        return self.at(words, i) is not None

    def begins(self, line: str) -> bool:
        """Whether the line begins with one of them."""
        if not line.isascii() and any(line.startswith(piece) for piece, _ in self._anywhere):
            return True
        words = _words(line)
        return bool(words) and self.at(words, 0) is not None


@cache
def _lexicons() -> tuple[_Lexicon, _Lexicon, _Lexicon]:
    """Made when first used."""
    openers = _Lexicon({"opening": _OPENERS}, {"opening": _OPENERS_ANYWHERE})
    return _Lexicon(_STRONG, _STRONG_ANYWHERE), _Lexicon(_WEAK, _WEAK_ANYWHERE), openers


def _words(line: str) -> list[str]:
    """The words of a line, as phrases have them."""
    return [word.replace("’", "'") for word in _WORD.findall(line.casefold())]


def said(line: str) -> Said:
    """What a line speaks about."""
    words, (strong, weak, _) = _words(line), _lexicons()
    sure = strong.find(words, line)
    if words[-2:] in (["going", "on"], ["go", "on"]) or words[:1] in (["continue"], ["continued"], ["proceed"]):
        sure.add("going on")  # elsewhere these are everyday words
    return Said(len(sure), len(weak.find(words, line) - sure))


def opens(line: str) -> bool:
    """Whether a line begins with a word that opens talk, or begs pardon where such words come last."""
    start = line[:60].lstrip(" \t\n\"'*_#>([（【¡¿-")
    return _lexicons()[2].begins(start) or (not start.isascii() and _SORRY.search(start) is not None)


def only_opens(line: str) -> bool:
    """Whether a line is nothing but words that open talk: "Yes, of course:"."""
    words, openers = _words(line), _lexicons()[2]
    return 0 < len(words) <= _LONGEST + 1 and opens(line) and all(openers.within(words, i) for i in range(len(words)))
