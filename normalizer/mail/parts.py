"""The MIME tree of a mail (RFC 2045, 2046). Called by the pipeline's first step and by content.

Not the standard library's parser: that one copies and walks every line (25 ms for 1 MB), recurses with the nesting
that the sender chose, and can be made to crawl. Here a part is two offsets into the mail, boundaries are looked for by
``bytes.find``, and depth and number are capped; a test compares its leaves with the standard library's.
"""

from dataclasses import dataclass, field

from normalizer.mail import caps, headers, parameters, transfer
from normalizer.mail.headers import Headers


@dataclass(slots=True, eq=False)
class Part:
    """One part: its fields, its type, and where its body lies in ``data``."""

    data: bytes
    start: int
    end: int
    headers: Headers
    media_type: str
    parameters: dict[str, str]
    disposition: str
    name: str
    encoding: str
    children: tuple["Part", ...] = ()

    @property
    def body(self) -> bytes:
        """The body as it was sent."""
        return self.data[self.start : self.end]

    def content(self) -> bytes:
        """The body without its transfer encoding."""
        return transfer.decode(self.body, self.encoding, textual=self.media_type.startswith("text/"))

    @property
    def content_id(self) -> str | None:
        value = self.headers.plain("content-id").strip().strip("<>").strip()
        return value[: caps.MESSAGE_ID] or None


@dataclass(slots=True)
class Tally:
    """What was counted while the tree was built; ``flags`` names the caps that were hit."""

    parts: int = 0
    flags: set[str] = field(default_factory=set)


def parse(raw: bytes) -> tuple[Part, Tally]:
    """The whole mail. Never raises, whatever the bytes."""
    data, start = prepare(raw)
    tally = Tally()
    return _entity(data, start, len(data), "text/plain", 0, tally), tally


def prepare(raw: bytes) -> tuple[bytes, int]:
    """The mail with line ends that can be told (old ones are a bare CR), and where its header begins."""
    if b"\n" not in raw[:4096] and b"\r" in raw[:4096]:
        raw = raw.replace(b"\r", b"\n")
    return raw, len(raw) - len(raw.lstrip(b"\r\n"))


def _entity(data: bytes, start: int, end: int, default: str, depth: int, tally: Tally) -> Part:
    """A header block with its body: a part, or a mail inside a mail."""
    tally.parts += 1
    fields, body = headers.parse(data, start, end)
    if fields.capped:
        tally.flags.add("capped:headers")
    media_type = default
    params: dict[str, str] = {}
    if "content-type" in fields:
        media_type, params = parameters.parse(fields.plain("content-type"))
        if media_type.count("/") != 1 or media_type.startswith("/") or media_type.endswith("/") or " " in media_type:
            media_type = {"text": "text/plain", "html": "text/html"}.get(media_type, default)
    disposition = ""
    disposition_params: dict[str, str] = {}
    if "content-disposition" in fields:
        disposition, disposition_params = parameters.parse(fields.plain("content-disposition"))
    part = Part(
        data=data,
        start=body,
        end=max(body, end),
        headers=fields,
        media_type=media_type,
        parameters=params,
        disposition=disposition,
        name=parameters.file_name(disposition_params) or parameters.file_name(params),
        encoding=fields.plain("content-transfer-encoding").partition(";")[0].strip().strip("\"'").lower(),
    )
    if media_type.startswith("multipart/"):
        _split(part, depth, tally)
    elif media_type in ("message/rfc822", "message/global") and tally.parts < caps.PARTS:
        _open_mail(part, depth, tally)
    return part


def _open_mail(part: Part, depth: int, tally: Tally) -> None:
    """An attached mail; some encode it although RFC 2046, 5.2.1 forbids it."""
    if depth >= caps.DEPTH:
        tally.flags.add("capped:depth")
    elif part.encoding in ("base64", "quoted-printable"):
        inner = part.content()
        part.children = (_entity(inner, 0, len(inner), "text/plain", depth + 1, tally),)
    else:
        part.children = (_entity(part.data, part.start, part.end, "text/plain", depth + 1, tally),)


def _split(part: Part, depth: int, tally: Tally) -> None:
    """A multipart into its parts; one without a boundary in its body becomes a text, so that it can be read."""
    if depth >= caps.DEPTH:
        tally.flags.add("capped:depth")
        return
    boundary = part.parameters.get("boundary", "").encode("utf-8", "surrogateescape").rstrip()
    spans = _spans(part, boundary) if boundary else []
    if not spans:
        guessed = _guess_boundary(part)
        spans = _spans(part, guessed) if guessed and guessed != boundary else []
    if not spans:
        if not part.data[part.start : part.end].strip():
            return
        part.media_type = "text/plain"
        part.encoding = part.encoding if part.encoding in ("base64", "quoted-printable") else ""
        return
    default = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
    children = []
    for start, end in spans:
        if tally.parts >= caps.PARTS:
            tally.flags.add("capped:parts")
            break
        children.append(_entity(part.data, start, end, default, depth + 1, tally))
    part.children = tuple(children)


def _spans(part: Part, boundary: bytes) -> list[tuple[int, int]]:
    """Where the parts begin and end. A delimiter stands alone on its line, blanks after it allowed.

    What follows a closing delimiter is dropped unless another delimiter comes: some write it too early.
    """
    data, end = part.data, part.end
    delimiter = b"--" + boundary
    spans: list[tuple[int, int]] = []
    opened = -1
    position = part.start
    while len(spans) <= caps.PARTS:
        found = data.find(delimiter, position, end)
        if found < 0:
            break
        after = found + len(delimiter)
        position = after
        if found > part.start and data[found - 1] != 10:
            continue
        closing = data.startswith(b"--", after)
        line_end = data.find(b"\n", after, end)
        line_end = end if line_end < 0 else line_end
        if data[after + 2 * closing : line_end].strip(b" \t\r"):
            continue
        if opened >= 0:
            spans.append((opened, _before_line(data, opened, found)))
        opened = -1 if closing else min(line_end + 1, end)
        position = line_end
    if opened >= 0 and (opened < end or not spans):
        spans.append((opened, end))
    return spans


def _before_line(data: bytes, start: int, line: int) -> int:
    """The end of what stands before a delimiter: the line end in front of it is the delimiter's."""
    if line > start and data[line - 1] == 10:
        line -= 1
        if line > start and data[line - 1] == 13:
            line -= 1
    return max(line, start)


def _guess_boundary(part: Part) -> bytes:
    """The boundary of a multipart that names none, or another one: the first line of two hyphens and a word."""
    for line in part.data[part.start : min(part.end, part.start + 4096)].split(b"\n"):
        word = line.strip()
        if word.startswith(b"--") and 4 < len(word) < 200 and b" " not in word and word.strip(b"-"):
            return word[2:]
    return b""
