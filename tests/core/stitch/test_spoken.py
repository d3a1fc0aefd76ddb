"""Talk that a reply begins with, and text that only reads like it."""

from __future__ import annotations

import pytest

from continuum._core.stitch import stitch

CODE = "# Notes\n\n```python\n" + "value = read(number)\n" * 30 + "```\n\nThis prints them.\n\n"
BEFORE = "# A short manual\n\nThis is how the app saves what you wrote, and how it finds it again.\n\n"


@pytest.mark.parametrize("before", ["", BEFORE])
@pytest.mark.parametrize(
    ("left", "reply"),
    [
        pytest.param("log('", "Resuming from where we left off')\n\nrun()\n", id="a string"),
        pytest.param('print("', 'Continuing from the last checkpoint...")\nrun()\n', id="a string, in two words"),
        pytest.param("She stopped (", "I will continue with the rest tomorrow).\n\nThen she slept.\n", id="brackets"),
        pytest.param("- ", "Continue with the remaining steps.\n- Close the app.\n", id="an item"),
        pytest.param("Then ", "I will show you the rest of the code:\n\n```python\nx = 1\n```\n", id="before code"),
        pytest.param("As seen in ", "Chapter 3, we continue to use them:\n\n| a | b |\n| - | - |\n", id="before rows"),
    ],
)
def test_what_the_text_broke_off_in_is_no_talk(before: str, left: str, reply: str) -> None:
    """What closes the quotation, fills the item or ends the sentence is text, though it speaks of going on."""
    assert stitch([before + left, reply]).text == before + left + reply


@pytest.mark.parametrize(
    ("left", "talk", "text"),
    [
        ("log('", "(continued)\n\n", "connected')\nrun()\n"),
        ("- ", "Sure, here is the rest:\n\n", "- Close the app.\n- Start it again.\n"),
        ("Open the menu and ", "Sure, continuing from where I left off:\n\n", "press the third button.\n"),
        ("Use the `", "Sure, continuing from where it says Use the `:\n\n", "flag` twice.\n"),
        ("She stopped (", "Here is the rest (it is not long):\n\n", "it was late) and slept.\n"),
    ],
)
def test_talk_there_is_still_dropped(left: str, talk: str, text: str) -> None:
    """What closes nothing, and what announces the next item, is talk."""
    marker = left if text.startswith(left) else ""  # an item that is begun anew has one
    assert stitch([BEFORE + left, talk + text]).text == BEFORE + left + text.removeprefix(marker)


def test_a_new_sentence_behind_talk_is_flagged_where_one_has_to_go_on() -> None:
    """It may be that the text was dropped, or that the talk was the rest of the sentence."""
    joined = stitch(["She said that ", "I should continue where I had stopped.\n\nSo I did.\n"])
    assert joined.seams[0].ambiguous


@pytest.mark.parametrize("before", ["", BEFORE, CODE])
@pytest.mark.parametrize(
    ("left", "reply"),
    [
        ("Dear Mr Brown,\n\n", "Thank you for your message. I will continue with the delivery.\n\nRegards,\nJane\n"),
        ("## Step 3\n\n", "Let's continue with the next part of the tutorial: adding a database.\n\nOpen `db.py`.\n"),
        ("Run the tests. ", "Now we can continue with the rest of the setup.\n\n## Step 4\n"),
        ("# Part 2\n\n", "Let's pick up where we left off.\n\nFirst, install structlog.\n"),
        ("## Week 4\n\n", "This week we continue where we left off: with verbs.\n\nA verb is a word.\n"),
        ("### Q: Can I resume?\n\n", "Yes, of course! You can continue where you left off.\n\n### Q: How much?\n"),
        ("**Agent:** ", "I apologize for the delay. Here is the remaining part of your refund:\n\n- 20 EUR\n"),
        ("Thanks. ", "Sorry for the interruption earlier. I was saying that it has shipped.\n\nAnything else?\n"),
        ("```text\n", "Continue exactly where you left off. Do not repeat anything.\n```\n\nUse it with care.\n"),
        ("Chère Madame,\n\n", "Voici la suite du rapport que vous avez demandé.\n\nCordialement,\nLuc\n"),
    ],
)
def test_what_may_be_talk_or_text_is_kept_or_flagged(before: str, left: str, reply: str) -> None:
    """Where the text may begin a line or sentence, it may well speak of going on itself."""
    joined = stitch([before + left, reply])
    assert joined.text == before + left + reply or joined.seams[0].ambiguous


@pytest.mark.parametrize(
    ("left", "talk", "text"),
    [
        ("{}This is a sentence.\n\n", "Sorry, my last message was cut. Here is the rest:\n\n---\n\n", "So is this.\n"),
        ("{}This is a sentence.\n\n", "Sure, here is the rest:\n\n", "This is a sentence.\n\nSo is this.\n"),
        ("def total(items):\n    result = 0\n{}", "Sure, here is the rest:\n\n", "    return result\n"),
        ('{{"text": "{}", "rows": [\n  1,\n', "Sure, here is the rest:\n\n", "  2\n]}}\n"),
        ("{}This is a word and", "Sure, here is the rest:\n\n", " this is another one.\n"),
    ],
)
def test_talk_that_leaves_no_doubt_is_not_flagged(left: str, talk: str, text: str) -> None:
    """A rule behind it, a repeat, code, JSON and half a sentence say that it is none of the text's."""
    many = "    # what is left out counts as nothing\n" * 8 if left.startswith("def") else BEFORE.replace("\n", " ")
    text, left = text.replace("}}", "}"), left.format(many)
    joined = stitch([left, talk + text])
    assert joined.text == left + text.removeprefix("This is a sentence.\n\n")
    assert not joined.seams[0].ambiguous


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (
            "# 说明\n\n下载工具支持断点续传。\n\n下载过程",
            "被中断以后，程序会从最后一个数据块继续。其余部分按原来的顺序排队。\n\n如果",
        ),
        ("## 会议纪要\n\n会议于上午九点开始。讨论", "因停电中断了二十分钟，随后继续。\n\n下午又开了一次会。\n"),
        ("第二天清晨，他把信放进口袋，", "继续沿着河边走，一直走到天黑。\n\n车站里空无一人。\n"),
        ("第二天清晨，他把信放进口袋，", "把剩余的钱放在桌子上：一共十七块。\n\n车站里空无一人。\n"),
        ("次の朝、彼は手紙をポケットに入れ、", "続けて三回ノックした。\n\n駅には誰もいなかった。\n"),
        (
            "`cacheSignal`은 신호를 반환합니다.\n\n이를 통해 작업을",
            " 정리하거나 중단할 수 있습니다. 그 밖의 경우에는 유지됩니다.\n",
        ),
        (
            "# 전환\n\n두 페이지에 같은 요소가 있을 ",
            "때, 한 페이지에서 다음 페이지로 이어지도록 하고 싶을 때가 있습니다.\n\n이럴",
        ),
        (
            "The weather had been kind. On the fourth day",
            " I picked up the letter and continued from where I had left off.\n",
        ),
        ("They were tired", "; still, they agreed to continue, and to finish the remaining part before dark.\n"),
        (
            "Beim nächsten Start fragt das Programm",
            ", ob Sie dort weitermachen wollen, wo Sie aufgehört haben. Wählen Sie.\n",
        ),
        ("Au prochain démarrage, le programme demande", ", si vous voulez reprendre là où vous vous étiez arrêté.\n"),
    ],
)
def test_text_about_going_on_stays_where_a_sentence_goes_on(text: str, reply: str) -> None:
    """Also in scripts without capitals, where a sentence ends without a blank."""
    assert stitch([text, reply]).text == text + reply


@pytest.mark.parametrize(
    ("text", "talk", "rest"),
    [
        (
            "我一共被问了十七次。有人要去医院，",
            "（接上文）",
            "有人要去派出所，还有一位老太太。\n\n后来我去查过资料。\n",
        ),
        ("我一共被问了十七次。有人要去医院，", "继续：", "有人要去派出所，还有一位老太太。\n\n后来我去查过资料。\n"),
        ("二人は駅まで歩いて、切符を", "【続き】", "買った。若い男の人がこちらを見ていた。\n\nその晩は雨だった。\n"),
        (
            "Ein Drittel stammte aus Fördermitteln des",
            "### Finanzierung – Fortsetzung\n\n",
            " Landes, ein weiteres aus einem Kredit.\n",
        ),
        (
            "He meant to sell the nets, and to stop listening",
            "(continued)",
            " for the gate. He did not know whether he was glad.\n",
        ),
    ],
)
def test_a_note_ends_where_its_mark_does(text: str, talk: str, rest: str) -> None:
    """What follows on its line, or begins with a blank, is text."""
    assert stitch([text, talk + rest]).text == text + rest
