"""HTML that must do no harm, and text that must stay readable."""

import pytest

from normalizer.mail.markup import Rendered, render


@pytest.mark.parametrize(
    ("source", "safe"),
    [
        ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
        ('<img src="x" onerror="alert(1)">', "<img>"),
        ('<a href="javascript:alert(1)">a</a>', '<a target="_blank" rel="noopener noreferrer nofollow">a</a>'),
        ('<a href="JaVa&#10;Script:alert(1)">a</a>', '<a target="_blank" rel="noopener noreferrer nofollow">a</a>'),
        ('<img src="data:text/html,x">', "<img>"),
        ('<img src="cid:1@x" width="10">', '<img src="cid:1@x" width="10">'),
        ('<img src="https://x.example/p.gif">', '<img src="https://x.example/p.gif">'),
        ("<title>t</title><style>p{}</style>x", "x"),
        ('<p style="position:fixed;top:0;color:red">x</p>', '<p style="color:red">x</p>'),
        ('<p style="background:url(https://x.example)">x</p>', '<p style="">x</p>'),
        ("<svg><p><style><img src=x onerror=alert(1)></style></p></svg>x", "<p></p>x"),
        ("<form action=/x><input name=a>b</form>", "b"),
        ('<iframe src="https://x.example"></iframe>x', "x"),
        ("<!-- <script> -->x", "x"),
        (
            '<base href="https://x.example/"><a href="/y">y</a>',
            '<a target="_blank" rel="noopener noreferrer nofollow">y</a>',
        ),
    ],
)
def test_html_keeps_only_what_can_do_no_harm(source: str, safe: str) -> None:
    assert render(source, with_text=False).html == safe


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a<br>b&nbsp;&lt;c&gt;", "a\nb <c>"),
        ("<ul><li>a</li><li>b</li></ul>", "  * a\n  * b"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a  b"),
        ("<head><title>t</title></head><body>x<script>y</script></body>", "x"),
        ("<?xml version='1.0' encoding='utf-8'?><html><body>x</body></html>", "x"),
        ("", ""),
        ("<!---->", ""),
        ("просто текст", "просто текст"),
    ],
)
def test_html_is_read_as_a_person_would(source: str, text: str) -> None:
    assert render(source, with_text=True).text == text


def test_html_nested_too_deep_is_shown_as_text_only() -> None:
    assert render("<div>" * 300 + "a &amp; b", with_text=True) == Rendered("a & b", None, True)


def test_elements_closed_in_order_may_be_many() -> None:
    source = "<div><b>a</b></div>" * 2_000
    rendered = render(source, with_text=False)
    assert (rendered.html, rendered.capped) == (source, False)
