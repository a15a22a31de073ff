"""HTML of a mail: to text by inscriptis, and to HTML that is safe to show by nh3. Called by content.

Both crawl on hostile input (a hundred thousand nested elements take 17 s), so a survey of the tags comes first: what
is too deep is stripped to text and not shown as HTML; what has too many tags is stripped instead of laid out.
"""

import html as entities
import re
from dataclasses import dataclass

import nh3
from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml.etree import Element  # type: ignore[import-untyped]
from lxml.html import HtmlElement, document_fromstring  # type: ignore[import-untyped]

from normalizer.mail import caps

QUOTE_BEGINS = "\ue0f1"
QUOTE_ENDS = "\ue0f2"
"""Marks in the text of an HTML mail: what stands between is an earlier mail. ``quoting`` takes them out."""

_RULE = "_" * 10
"""How a horizontal rule is written in text."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ANY_TAG = re.compile(r"<[^<>]*>?")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^<>]*>", re.IGNORECASE)
_DECLARATION = re.compile(r"\A\s*<\?xml[^<>]*\?>")
_MANY_BLANK = re.compile(r"\n(?:[ \t\xa0]*\n){2,}")
_LEAVES = "p li td tr th dt dd br img hr meta link input area base col embed source track wbr option tbody thead tfoot"
_NOT_NESTING = frozenset(_LEAVES.split())
_DROPPED = ("script", "style", "title", "head")

_STYLES = {
    "color",
    "background-color",
    "font-weight",
    "font-style",
    "font-size",
    "font-family",
    "text-align",
    "text-decoration",
    "vertical-align",
    "white-space",
    "border",
    "border-left",
    "border-right",
    "border-top",
    "border-bottom",
    "border-collapse",
    "padding",
    "padding-left",
    "list-style-type",
}
_SHOWN_TAGS = (
    "a abbr address article b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div"
    " dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q rp rt"
    " ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var"
    " wbr"
)
_DROPPED_TAGS = (
    "script style title noscript template object applet embed iframe frame frameset svg math textarea select xmp"
    " noembed noframes plaintext"
)
_CLEANER = nh3.Cleaner(
    tags=set(_SHOWN_TAGS.split()),
    clean_content_tags=set(_DROPPED_TAGS.split()),
    attributes={
        "*": {"style", "dir", "lang", "title", "align", "valign"},
        "a": {"href"},
        "img": {"src", "alt", "width", "height"},
        "blockquote": {"type"},
        "ol": {"start", "type"},
        "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
        "td": {"colspan", "rowspan", "width", "height", "bgcolor"},
        "th": {"colspan", "rowspan", "width", "height", "bgcolor"},
        "tr": {"bgcolor"},
        "col": {"span", "width"},
        "font": {"color", "face", "size"},
    },
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    filter_style_properties=_STYLES,
)
_LAYOUT = ParserConfig(css=STRICT_CSS_PROFILE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """``html`` None where it could not be shown safely; ``capped`` says that something was left out."""

    text: str
    html: str | None
    capped: bool = False


def render(source: str, *, with_text: bool) -> Rendered:
    """An HTML part as text (only if asked: it is the dear half) and as safe HTML."""
    capped = len(source) > caps.HTML
    source = source[: caps.HTML].replace(QUOTE_BEGINS, "").replace(QUOTE_ENDS, "")
    tags, depth = _survey(source)
    if depth > caps.HTML_DEPTH:
        return Rendered(strip(source), None, True)
    text = ""
    if with_text:
        text = strip(source) if tags > caps.HTML_TAGS else _lay_out(source)
        capped |= tags > caps.HTML_TAGS
    return Rendered(text, _CLEANER.clean(source).strip(), capped)


def paragraphs(text: str) -> str:
    """Plain text as HTML, to stand among parts that are HTML."""
    return f'<div style="white-space:pre-wrap">{entities.escape(text, quote=False)}</div>'


def _survey(source: str) -> tuple[int, int]:
    """How many tags there are, and a bound on how many elements stand open at once: an end tag closes only its own."""
    open_now: dict[str, int] = {}
    depth = deepest = tags = 0
    for closing, tag in _TAG.findall(source):
        tags += 1
        name = tag.lower()
        if name in _NOT_NESTING:
            continue
        if not closing:
            open_now[name] = open_now.get(name, 0) + 1
            depth += 1
            deepest = max(deepest, depth)
        elif open_now.get(name):
            open_now[name] -= 1
            depth -= 1
    return tags, deepest


def _lay_out(source: str) -> str:
    """The text as a reader sees it, earlier mails between marks."""
    if not source.strip():
        return ""
    try:
        tree = document_fromstring(_DECLARATION.sub("", source))
        _mark_quotes(tree)
        text = str(Inscriptis(tree, _LAYOUT).get_text())
    except Exception:  # lxml and inscriptis raise a dozen kinds on what is not HTML
        return strip(source)
    return _tidy(text)


def _tidy(text: str) -> str:
    text = "\n".join([line.rstrip() for line in text.replace("\xa0", " ").split("\n")])
    return _MANY_BLANK.sub("\n\n", text).strip("\n")


def strip(source: str) -> str:
    """The text between the tags, in time that only grows with the length."""
    kept = source
    for name in _DROPPED:
        kept = _without(kept, name)
    return _tidy(entities.unescape(_ANY_TAG.sub("", _BREAK.sub("\n", kept))))


def _without(source: str, name: str) -> str:
    """``source`` without the elements of that name and their content."""
    lower = (
        source.lower() if source.isascii() else source.casefold() if len(source.casefold()) == len(source) else source
    )
    kept = []
    position = 0
    while True:
        begin = lower.find(f"<{name}", position)
        if begin < 0 or lower[begin + len(name) + 1 : begin + len(name) + 2].isalnum():
            if begin < 0:
                break
            kept.append(source[position : begin + 1])
            position = begin + 1
            continue
        kept.append(source[position:begin])
        end = lower.find(f"</{name}", begin)
        if end < 0:
            return "".join(kept)
        close = lower.find(">", end)
        position = close + 1 if close >= 0 else len(source)
    kept.append(source[position:])
    return "".join(kept)


def _mark_quotes(tree: HtmlElement) -> None:
    """Puts marks around what mail programs wrap an earlier mail in."""
    for element in list(tree.iter("div", "blockquote", "hr")):
        kind = _quote_kind(element)
        if element.tag == "hr" and not kind:
            element.tag = "p"
            element.text = _RULE
            continue
        if kind == "inside":
            _insert(element, QUOTE_BEGINS)
            last = Element("p")
            last.text = QUOTE_ENDS
            element.append(last)
        elif kind == "onward":
            mark = Element("p")
            mark.text = QUOTE_BEGINS
            element.addprevious(mark)


def _insert(element: HtmlElement, text: str) -> None:
    mark = Element("p")
    mark.text = text
    mark.tail = element.text
    element.text = None
    element.insert(0, mark)


def _quote_kind(element: HtmlElement) -> str:
    """``inside``: the element holds the earlier mail; ``onward``: everything from it on is one; else ``""``."""
    identifier = element.get("id") or ""
    if identifier in (
        "divRplyFwdMsg",
        "appendonsend",
        "stopSpelling",
        "zwchr",
        "mail-editor-reference-message-container",
    ):
        return "onward"
    css_class = element.get("class") or ""
    if css_class:
        classes = css_class.split()
        if "gmail_quote" in classes and element.getparent() is not None:
            parent = element.getparent()
            outer = (parent.get("class") or "").split() if parent is not None else []
            return "" if "gmail_quote" in outer or "gmail_quote_container" in outer else "inside"
        if {"gmail_quote_container", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix", "zmail_extra"} & set(
            classes
        ):
            return "inside"
        if "OutlookMessageHeader" in classes:
            return "onward"
    if element.tag == "blockquote" and (element.get("type") == "cite" or "border-left" in (element.get("style") or "")):
        return "inside"
    return ""
