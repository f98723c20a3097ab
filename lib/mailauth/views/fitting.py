"""A page that would be too heavy for a mail: its longest tables are cut, and each says how much of it is shown.

A stranger chooses how long the names in a log are, and there are as many rows as senders. The files beside the page
have all of them.
"""

import re
from collections.abc import Sequence

__all__ = ["fitted"]

_FEWEST = 3  # rows that a table keeps, whatever they weigh
# What a log said is escaped by now, so that these tags are the views' own.
_TABLE = re.compile(r"<tbody>(?P<rows>.*?)</tbody></table>", re.DOTALL)
_ROW_ENDS = "</tr>"


def fitted(body: str, *, room: int) -> str:
    """Return *body* with its longest tables cut until it is no longer than *room*, or nothing is left to cut.

    Args:
        body: A page's finished HTML.
        room: How many bytes it may have.
    """
    over = len(body.encode()) - room
    if over <= 0:
        return body
    most = _most([len(found["rows"].encode()) for found in _TABLE.finditer(body)], over)
    return _TABLE.sub(lambda found: _cut(found["rows"], most), body)


def _most(sizes: Sequence[int], over: int) -> int:
    """Return the bytes that no table may exceed, so that all of them together lose *over* bytes."""
    ordered = sorted(sizes, reverse=True)
    for count in range(1, len(ordered) + 1):
        following = ordered[count] if count < len(ordered) else 0
        if sum(ordered[:count]) - count * following >= over:
            return (sum(ordered[:count]) - over) // count
    return 0


def _cut(rows: str, most: int) -> str:
    """Return the end of a table from its rows on: as many of them as *most* bytes hold, and a line that counts them."""
    if len(rows.encode()) <= most:
        return f"<tbody>{rows}</tbody></table>"
    each = [f"{row}{_ROW_ENDS}" for row in rows.split(_ROW_ENDS) if row]
    shown = 0
    weight = 0
    for row in each:
        weight += len(row.encode())
        if weight > most and shown >= _FEWEST:
            break
        shown += 1
    note = (
        f'<p class="note">The page has room for {shown:,} of these {len(each):,} rows.</p>' if shown < len(each) else ""
    )
    return f"<tbody>{''.join(each[:shown])}</tbody></table>{note}"
