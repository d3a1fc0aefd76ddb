"""Where a repeat with other marks ends: what the normal form drops at the end of it."""

from __future__ import annotations

from continuum._core.stitch.normal import dropped_head, dropped_tail


def after_marks(left: str, body: str, end: int, start: int) -> list[tuple[int, float]]:
    """Where a repeat of `left[start:]` whose last real character ends at `end` of `body` may really end.

    That depends on the marks and white space at the end of `left`; each place comes with what a difference between them
    costs. Likeliest first, at most three.
    """
    size = dropped_tail(left)
    own = left[len(left) - size :] if size else ""
    if not own or body.startswith(own, end):
        closed = _closing(left[max(0, start) :], body, end + len(own))
        return [(end + len(own) + closed, 0.0), *([(end + len(own), 9.0)] if closed else [])]
    others = body[end : end + dropped_head(body[end : end + 320])]
    found = [(end + j, _unlike(own, others[:j])) for j in range(1, len(others) + 1)]
    found.append((end, 3.0 + len(own.strip())))
    return sorted(found, key=lambda item: item[1])[:3]


def _closing(passage: str, body: str, end: int) -> int:
    """Length of a closing mark at `end` whose opening mark the repeat had and the passage of the text has not."""
    for mark in ("**", "__", "`", "*", "_", '"', "”", "’", "'"):
        if body.startswith(mark, end):
            opening = {"”": "“", "’": "‘"}.get(mark, mark)
            own, other = body[:end].count(opening), passage.count(opening)
            return len(mark) if own % 2 and other % 2 == 0 else 0
    return 0


def _unlike(own: str, part: str) -> float:
    """How different two runs of marks and white space are."""
    if own.strip() != part.strip():
        return 2.0 + abs(len(own.strip()) - len(part.strip())) + (0 if len(own.strip()) == len(part.strip()) else 1)
    lines = abs(own.count("\n") - part.count("\n"))
    last = own.rpartition("\n")[2] != part.rpartition("\n")[2]
    return 0.5 + lines + last + 0.1 * abs(len(own) - len(part))
