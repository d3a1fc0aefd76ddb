"""Joining chunks that you have already, without a model."""

import continuum

chunks = [
    "```python\ndef area(width, height):\n    return wid",
    "Sure, here is the rest:\n\n```python\n    return width * height\n```\n",
]
joined = continuum.stitch(chunks)
print(joined.text)
for seam in joined.seams:
    print(f"{seam.kind} at {seam.offset}: removed {seam.removed!r} ({seam.note}), confidence {seam.confidence:.2f}")

# With an anchor (what the second chunk was asked to begin with) the join is a fact instead of a guess.
joined = continuum.stitch(["0, 0, 0, ", "0, 0, 0, 1]"], anchors=["0, 0, 0, "])
print(joined.text)
assert joined.text == "0, 0, 0, 1]"
