from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.report.markup import render, tag

texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]))


class Reader(HTMLParser):
    """Keeps what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.title: str | None = None
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.title = dict(attrs).get("title", self.title)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts, texts, texts)
def test_text_stays_text(first: str, second: str, title: str) -> None:
    reader = Reader()
    reader.feed(render(tag("p", first, tag("b", second), first, title=title)))
    reader.close()
    assert reader.tags == ["p", "b"]
    assert reader.text == first + second + first
    assert reader.title == title


def test_nothing_is_left_out() -> None:
    made = tag("td", None, "a", "b", class_="best", colspan=2, hidden=None, data_value="1")
    assert render(made) == '<td class="best" colspan="2" data-value="1">ab</td>'


def test_void_elements_have_no_end() -> None:
    assert render(tag("br"), tag("img", alt="")) == '<br>\n<img alt="">'
