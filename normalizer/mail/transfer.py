"""Content-Transfer-Encodings (RFC 2045, 6) and uuencode undone. Called by parts and content. Never raises."""

import binascii
import re

from normalizer.mail import caps

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLANKS = b" \t\r\n"
_UU_BEGIN = re.compile(r"^begin(?:-base64)? [0-7]{3,4} (.{1,200})$", re.MULTILINE)
_UU_END = re.compile(r"^end[ \t]*$", re.MULTILINE)


def decode(data: bytes, encoding: str, *, textual: bool) -> bytes:
    """``data`` without its transfer encoding. An encoding that the data plainly is not in is taken for a mistake."""
    if encoding == "base64":
        if textual and _not_base64(data):
            return data
        return _base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uu_lines(data.split(b"\n"))
    return data


def _not_base64(data: bytes) -> bool:
    """Text sent as it is under a base64 label: it has blanks inside lines, and characters of no alphabet."""
    sample = data[:2_000].strip(_BLANKS)
    foreign = len(sample.translate(None, _ALPHABET + b"=\r\n"))
    return foreign * 20 > len(sample)


def _base64(data: bytes) -> bytes:
    try:
        decoded = binascii.a2b_base64(data)
    except binascii.Error:
        decoded = None
    if decoded is not None and len(decoded) * 10 >= len(data) * 7:
        return decoded
    pieces = []
    for piece in data.split(b"="):
        letters = piece.translate(None, bytes(set(range(256)) - set(_ALPHABET)))
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        pieces.append(binascii.a2b_base64(letters + b"==") if letters else b"")
    return b"".join(pieces)


def _uu_lines(lines: list[bytes]) -> bytes:
    out = []
    for line in lines:
        body = line.rstrip(b"\r\n")
        if not body or body.startswith(b"begin ") or body in (b"end", b"`"):
            continue
        try:
            out.append(binascii.a2b_uu(body))
        except binascii.Error:
            length = (((body[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(body[:length]))
            except binascii.Error:
                continue
    return b"".join(out)


def take_uuencoded(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Files uuencoded into a text: the text without them, and each name with its content."""
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    position = 0
    while len(files) < caps.UUENCODED:
        begin = _UU_BEGIN.search(text, position)
        end = _UU_END.search(text, begin.end()) if begin else None
        if begin is None or end is None:
            break
        content = _uu_lines(text[begin.end() : end.start()].encode("ascii", "replace").split(b"\n"))
        if not content:
            break
        kept.append(text[position : begin.start()])
        files.append((begin[1].strip(), content))
        position = end.end()
    kept.append(text[position:])
    return "".join(kept), files
