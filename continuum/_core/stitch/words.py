"""What words consist of, and the commonest of some languages: a text that has not used them yet may still do so."""

from __future__ import annotations

_WORDS = """
    the of and to in is that it for was on are as with be this by at from or an not have which you but his they all can
    has had will one their more if when there been other were do would what about who so than then into only some out up
    its our use used also how may no any these such two over through where he she we her your see first new after most

    der die und das ist nicht von zu mit den auf für im ein eine dem des sich auch es als an werden aus er hat dass sie
    nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man
    sein wurde sei kann wenn ich alle diese dieser keine

    le la les de des du et en un une est que qui dans pour pas sur par au avec il elle plus ce ne se sont ont ou mais
    comme aux cette être nous vous leur ses son sa on sans fait même si peut deux tout ces dont entre

    el los las del que una con por para como más pero sus al lo ha este esta son entre cuando todo desde muy sin sobre
    también hasta hay donde quien o y su se no es fue ser

    di che il un per è non una sono da come alla del della nel dei più gli anche ma si lo ha delle al con questo quando
    essere ho hanno suo nella dal loro ed

    que não uma com por mais os dos da do como mas foi ao ele das tem seu sua ou ser quando muito já está também só pelo
    pela até isso

    van het een en dat op te voor met zijn aan niet er om ook als dan maar bij nog worden uit naar heeft wordt deze door

    och att det som på är av för med den till inte om ett har de var jag men från så kan när eller nu vid

    w na z że do nie się jest jak po od za dla co to ale przez przy oraz może tylko czy był być już tak jego

    и в на не что с как по из он это но к за то все для от бы же так его или если когда только был было еще ещё уже мы
    вы они она мне меня при об до того чтобы которые который
"""
COMMON = frozenset(_WORDS.split())


def in_word(char: str) -> bool:
    """Whether words have such characters: `\\w` of regular expressions."""
    return char.isalnum() or char == "_"
