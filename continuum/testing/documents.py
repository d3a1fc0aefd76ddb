"""Sample documents for demonstrations and tests: one for each kind of text that is hard to join.

`essay` (English prose with headings), `guide` (Markdown with a table, a list and a Python fence), `catalogue` (JSON),
`french` (accents, guillemets, narrow spaces), `chinese` (no spaces, wide punctuation), `poem` (a refrain, and a table
with equal rows).
"""

from __future__ import annotations

import json


def sample_documents() -> dict[str, str]:
    """All sample documents by name, always the same."""
    return {
        "essay": _unwrap(_ESSAY),
        "guide": _GUIDE.strip() + "\n",
        "catalogue": _catalogue(),
        "french": _unwrap(_FRENCH),
        "chinese": _unwrap(_CHINESE, ""),
        "poem": _POEM.strip() + "\n",
    }


def _unwrap(text: str, glue: str = " ") -> str:
    """Makes one line of every paragraph, as models write them."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(glue.join(paragraph.split("\n")) for paragraph in paragraphs) + "\n"


def _catalogue() -> str:
    places = ["North Quay", 'The "Needle"', "Saltmarsh", "Île aux Moutons", "Grey\\Point", "Kråkøya"]
    lamps = ["oil", "gas", "electric arc", "filament", "LED"]
    lights = [
        {
            "id": number,
            "name": f"{places[number % len(places)]} {1800 + number * 7}",
            "built": 1800 + number * 7,
            "height_m": round(11.5 + number * 2.25, 2),
            "automated": number % 3 == 0,
            "keeper": None if number % 3 == 0 else f"Keeper no. {number}",
            "lamps": lamps[: 1 + number % len(lamps)],
            "note": "Line one.\nLine two \u2014 with a tab\tand a quote: \"on\", 'off'.",
        }
        for number in range(1, 19)
    ]
    return json.dumps({"title": "List of lights", "lights": lights}, indent=2, ensure_ascii=False) + "\n"


_ESSAY = """
# The Keepers of the Light

## 1. A tower is a promise

A lighthouse does one thing, and it does it every night. It says: here is the land, and here is how far you are from
it. Nothing else that people have built is so plain in its purpose, and few things have been kept running with so
much stubborn care. The first towers on this coast were baskets of burning wood on iron posts, tended by whoever
could be spared from the nets. They went out in the rain, which is to say that they went out when they were needed.

It took about a century to turn the basket into a tower and the fire into a lamp. By 1823 the keepers at North Quay
burned 1.75 litres of colza oil an hour behind a lens that weighed 2,300 kg, and the light could be seen from 29 km
away on a clear night. The figures matter, because the keepers were paid by them: a light that failed for more than
ten minutes cost its keeper a week's wages, and the log book had a column for nothing else.

## 2. What the log books tell

The log books survive, all forty-one of them, and they make strange reading. "Wind SW 7, rain, lamp lit 16.40, all
well" fills whole years. Then, without a change of ink, there is a night in January 1871 on which three men were
pulled out of the surf with a rope made of signal flags, and the entry ends as all the others do: "lamp lit 16.10,
all well." The keeper, Mr. A. J. Harrow, did not think that the rescue was his work. The lamp was his work.

One learns to read what is left out. For nine days in 1884 the handwriting changes, smaller and rounder, and nobody
says why. It was his daughter's hand; he had a fever, and she kept the light, wound the clockwork every four hours,
and signed with his name so that nobody would lose the post. When she was asked about it sixty years later, she said
only this: "Well, somebody had to be awake."

## 3. The arithmetic of being awake

Clockwork turned the lens, and a weight drove the clockwork. The weight fell through the middle of the tower in four
hours and ten minutes; then it had to be wound up again, 312 turns of the crank, by hand. Two keepers shared the
night. Whoever slept did so in a room through which the chain of the weight passed, so that its silence would wake
him. This is the whole design: a machine that stops, and a person who notices that it has stopped.

There were attempts to do without the person. A float valve in 1902, a sun valve in 1909 (it lit the gas when the
daylight no longer warmed a black rod), an electric bell in 1926. Each of them worked, and each of them was trusted
a little less than the chain in the bedroom, which had never once failed to fall silent.

## 4. After the keepers

The last keeper left North Quay in 1978. The light has been an LED in a plastic drum since 2011; it draws 20 W, and
a telephone in a town inland rings when it fails. It has failed six times. Nobody was lost, because ships no longer
look out of the window to know where they are, and that, too, is a kind of progress.

But the tower is still painted every third summer, by volunteers, in the same two colours. Ask them why, and they
will talk about heritage, or about the view. Stay a while longer, until the paint is put away and the lamp comes on
by itself, and one of them will look up, check the time, and nod. All well.
"""

_GUIDE = """
# Harbour log: a small tool

This guide shows how to keep a harbour log with a few lines of Python. It is meant for
people who can run a script and would rather not run a database.

## What it records

| Column    | Type    | Example          | Notes                          |
|-----------|---------|------------------|--------------------------------|
| `time`    | ISO8601 | 2024-03-01T06:40 | always local time              |
| `vessel`  | text    | *Maria Celeste*  | as painted on the hull         |
| `berth`   | integer | 7                | 1 to 24                        |
| `draught` | decimal | 3.20             | metres, two decimals           |
| `tide`    | decimal | -0.45            | metres from chart datum        |
| `note`    | text    | "late, fog"      | may hold commas, hence quotes  |

A row is written when a vessel makes fast, and never changed afterwards. A mistake is
corrected by another row, with the word *correction* in its note.

## How it works

1. Read the arguments and check them.
2. Open the file for appending; create it with a header if it is new.
3. Write one row.
   - Numbers are formatted, not trusted.
   - An empty note is written as an empty field.
4. Flush, and say what was written.

```python
import csv
import sys
from datetime import datetime
from pathlib import Path

FIELDS = ["time", "vessel", "berth", "draught", "tide", "note"]


def read_row(arguments: list[str]) -> dict[str, str]:
    \"\"\"One row from the command line. Raises ValueError if a number is wrong.\"\"\"
    vessel, berth, draught, tide, *note = arguments
    if not 1 <= int(berth) <= 24:
        raise ValueError(f"there is no berth {berth!r}: give a number from 1 to 24")
    return {
        "time": datetime.now().isoformat(timespec="minutes"),
        "vessel": vessel.strip(),
        "berth": str(int(berth)),
        "draught": f"{float(draught):.2f}",
        "tide": f"{float(tide):+.2f}",
        "note": " ".join(note),
    }


def append(path: Path, row: dict[str, str]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    row = read_row(sys.argv[1:])
    append(Path("harbour.csv"), row)
    print("written:", row)
```

Run it like this:

```sh
python harbour.py "Maria Celeste" 7 3.2 -0.45 late, fog
```

## What it does not do

- It does not lock the file. Two people who write at the same moment may get their rows
  in either order, but no row is lost on a local disk.
- It does not know the tides. Look them up; **do not guess**.
- It does not delete. See the note on corrections above.

That is all. The whole log of a year fits on a page of paper for every berth, and a page
of paper is still the best backup that this harbour has.
"""

_FRENCH = """
# Le passeur de l'estuaire

« Vous arrivez trop tard », disait-il à ceux qui couraient sur la cale ; et il attendait quand même. On l'appelait
Noël, parce qu'il était né un vingt-cinq décembre, et personne, dans les trois villages de l'estuaire, ne se souvenait
de l'avoir vu partir à l'heure. Il y avait pourtant un horaire, peint à la main sur un panneau de bois : six traversées
par jour, deux le dimanche, aucune par grand vent.

Qu'est-ce qu'un grand vent ? C'était là toute la question. Pour l'administration, il commençait à 50 km/h ; pour Noël,
il commençait quand le vieux peuplier de la rive gauche montrait l'envers de ses feuilles. L'administration avait un
anémomètre, acheté 1 249,90 € en 1998 ; Noël avait le peuplier. En vingt-six ans, ils ne furent en désaccord que quatre
fois, et quatre fois l'on dut convenir, après coup, que l'arbre avait raison.

## La barque

Elle s'appelait *L'Œuvre*, sans que l'on sût pourquoi. Longue de 9,40 m, large de 2,75 m, elle portait douze passagères
et passagers, ou huit vélos, ou bien une vache, à condition que celle-ci fût calme. Le moteur, un diesel à deux
cylindres, toussait jusqu'à mi-chemin puis chantait. Noël prétendait qu'il fallait lui parler : « Allez, ma belle,
encore un effort, là-bas c'est plat. » Les enfants riaient ; le moteur, lui, obéissait.

Au printemps, on repeignait la coque. Chacun venait avec son pinceau, et l'on discutait de la couleur jusqu'à midi pour
la refaire, chaque année, exactement du même bleu. L'après-midi, quelqu'un apportait des crêpes, du cidre, et les
nouvelles de l'autre rive, que tout le monde connaissait déjà.

## Le pont

Le pont fut décidé un mardi, voté un jeudi, et inauguré sept ans plus tard. Il est beau, il faut le reconnaître : deux
haubans, un tablier très mince, et cette façon de ne pas peser sur l'eau. On traverse désormais en quarante secondes.
Noël y est allé le premier matin, à pied, les mains dans le dos ; arrivé au milieu, il s'est arrêté, il a regardé le
peuplier, puis il a dit à voix basse : « Aujourd'hui, moi, je ne serais pas parti. »

Le soir même, une rafale emportait trois barrières du chantier. On raconte — mais on raconte tant de choses — qu'il y
a maintenant, dans le bureau de l'ingénieur, à côté de l'anémomètre, une photographie encadrée d'un arbre.
"""

_CHINESE = """
# 灯塔与潮水

一、海边的老人

小镇的东头有一座灯塔，塔身刷成白色，每隔三年重新粉刷一次。守塔的老人姓陈，大家都叫他陈伯。他从一九六二年起就住在塔下的小屋里，
屋里只有一张床、一张桌子和一只收音机。有人问他：“你一个人不寂寞吗？”他笑着说：“我哪里是一个人，每条船都认识我。”

每天傍晚，陈伯沿着一百三十八级台阶走上塔顶，擦净玻璃，点亮灯，再把时间写进本子里。本子已经用了四十多本，摞起来比他的膝盖还高。
翻开任何一页，写的都差不多：“东南风四级，小雨，十八点零五分点灯，平安。”平安这两个字，他写了一万五千多遍。

二、潮水的记忆

陈伯认识潮水，就像认识自己的手掌。他说，大潮在初三和十八，小潮在初八和廿三，这是老祖宗留下来的口诀；可是每一天的潮水又都不一样，
有的急，有的懒，有的像是忘了什么东西，走到半路又折回来。孩子们听得入迷，问他：“那海会不会忘记我们？”老人想了想，回答说：
“海不会忘记，它只是不说。”

一九八七年的台风来得很突然。那天夜里，停了电，灯灭了，海上还有七条船没有回来。陈伯把屋里能烧的东西都搬上了塔顶：桌子、椅子、
床板，还有那些旧本子。火一直烧到天亮，七条船一条接一条地进了港。第二天，镇上的人送来了新的桌子和新的床，却没有人能送来那些本子。
陈伯摆摆手说：“本子里写的都是平安，烧了，也还是平安。”

三、后来的事

后来，灯塔换上了自动的灯，功率只有20瓦，亮度却是从前的三倍。县里派来一位年轻的工程师，教陈伯怎样看仪表、怎样打电话报修。
陈伯学得很认真，把电话号码抄在墙上，字写得又大又正。可是每天傍晚，他还是要走上那一百三十八级台阶，站在灯旁边，等它亮。

“它自己会亮的，”工程师说，“您不用上去了。”

“我知道，”陈伯说，“我上去，是想让它知道有人在等。”

如今老人已经不在了，灯还亮着。镇上的孩子长大了，有的出海，有的进城，过年的时候回来，总要到塔下走一走。他们抬头看那束光，
一圈，又一圈，慢慢地扫过海面，仿佛还在问：都回来了吗？都平安吗？
"""

_POEM = """
# Song of the Tide Table

The moon goes up, the boats go down,
The rope is wet, the rope is brown,
And on the wall above the town
    The bell says: wait, the bell says: wait,
    The tide is in no hurry.

We had a net of seven strands,
We mended it with seven hands,
We dragged it over seven sands,
    The bell says: wait, the bell says: wait,
    The tide is in no hurry.

The first boat home was green and small,
The second had no name at all,
The third one never came to call,
    The bell says: wait, the bell says: wait,
    The tide is in no hurry.

So count the lamps along the quay,
There's one for you and two for me,
And three for those still out at sea,
    The bell says: wait, the bell says: wait,
    The tide is in no hurry.

| Day | Low water | High water | Boats |
|-----|-----------|------------|-------|
| Mon | 05:10     | 11:25      | 7     |
| Tue | calm      | calm       | 0     |
| Tue | calm      | calm       | 0     |
| Tue | calm      | calm       | 0     |
| Wed | 06:45     | 13:05      | 7     |
| Thu | calm      | calm       | 0     |
| Thu | calm      | calm       | 0     |
| Fri | 08:20     | 14:35      | 6     |
| Fri | 08:20     | 14:35      | 6     |
| Fri | 08:20     | 14:35      | 6     |
| Sat | 09:05     | 15:20      | 5     |
| Sun | calm      | calm       | 0     |
| Sun | calm      | calm       | 0     |

The moon goes down, the boats go round,
The rope is dry, the lost are found,
And there is hardly any sound,
    The bell says: wait, the bell says: wait,
    The tide is in no hurry.

The table's done, the week is through,
The paint upon the hull is new,
The sea is grey, and then it's blue,
    The bell says: wait, the bell says: wait,
    The tide was in no hurry.
"""
