"""Whether a message is heavy enough to be parsed in a worker that may be killed. Called by the gateway before.

A guess from counts of bytes, made in well under a millisecond; a light verdict on a hostile mail costs at most the two
seconds that the caps inside allow, a heavy one on a harmless mail the trip to the worker.
"""

from domain.message import Envelope

HEAVY_BYTES = 256 * 1024
_MARKS = ((b"(", 500), (b"<", 3_000), (b",", 3_000), (b";", 1_000), (b"=?", 1_000), (b"\n", 1_000))
_HEADER_WINDOW = 64 * 1024
_DELIMITERS = 100
_TAGS = 4_000


def is_heavy(envelope: Envelope, raw: bytes) -> bool:
    """Many bytes, many boundaries, much HTML, or a header full of what parsers choke on."""
    if len(raw) > HEAVY_BYTES:
        return True
    if envelope.channel != "email":
        return False
    end = raw.find(b"\n\r\n", 0, _HEADER_WINDOW)
    if end < 0:
        end = raw.find(b"\n\n", 0, _HEADER_WINDOW)
    window = end if end >= 0 else min(len(raw), _HEADER_WINDOW)
    if any(raw.count(mark, 0, window) > limit for mark, limit in _MARKS):
        return True
    return raw.count(b"\n--") > _DELIMITERS or raw.count(b"<") > _TAGS
