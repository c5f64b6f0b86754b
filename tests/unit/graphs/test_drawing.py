"""Graphs drawn: nothing lies on anything else, arrows go down, the same graph is the same picture."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.config import load_config
from graphs.drawing.columns import rising
from graphs.drawing.layout import BOX, LABEL, Layout, lay_out
from graphs.drawing.mermaid import mermaid
from graphs.drawing.rows import in_rows
from graphs.drawing.sketch import Arrow, Box, Sketch, sketch_of
from graphs.drawing.svg import svg

SUPPORT = sketch_of(load_config())
ODD = Sketch(
    "odd <graph>@3",
    tuple(map(Box, ("start", "ask", "check", "look up", "island", "end"))),
    (
        Arrow("start", "ask"),
        Arrow("ask", "check", "given, skipped"),
        Arrow("ask", "ask", "again"),
        Arrow("check", "ask", "unclear"),
        Arrow("check", "look up", "clear"),
        Arrow("look up", "check", "<wrong>"),
        Arrow("look up", "end", "found"),
        Arrow("check", "end", "gave up"),
        Arrow("island", "look up"),
    ),
)
"""Circles, a loop, a node that nothing leads to, and characters that mean something to XML."""

Area = tuple[float, float, float, float]


def areas(layout: Layout) -> list[Area]:
    """Return left, top, right and bottom of all boxes and labels."""
    boxes = [(box.middle, box.width, BOX) for box in layout.boxes]
    labels = [
        (each.label, each.label_width, LABEL) for each in (*layout.arrows, *layout.loops) if each.arrow.label
    ]
    return [(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2) for (x, y), wide, high in boxes + labels]


def overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@st.composite
def sketches(draw: st.DrawFn) -> Sketch:
    names = [f"n{at}" for at in range(draw(st.integers(1, 9)))]
    ends = st.tuples(st.sampled_from(names), st.sampled_from([*names, "end"]))
    pairs = draw(st.lists(ends, max_size=18, unique=True))
    arrows = (
        Arrow(source, target, draw(st.sampled_from(["", "yes", "a longer route"])))
        for source, target in pairs
    )
    return Sketch("drawn", tuple(map(Box, ["start", *names, "end"])), (Arrow("start", "n0"), *arrows))


@settings(deadline=None, max_examples=60)
@given(sketches())
def test_nothing_lies_on_anything_else_and_all_is_on_the_page(sketch: Sketch) -> None:
    layout = lay_out(sketch)
    assert [pair for pair in combinations(areas(layout), 2) if overlap(*pair)] == []
    assert all(
        min(left, top) >= 0 and right <= layout.width and bottom <= layout.height
        for left, top, right, bottom in areas(layout)
    )
    assert {placed.box for placed in layout.boxes} == set(sketch.boxes)
    assert {each.arrow for each in (*layout.arrows, *layout.loops)} == set(sketch.arrows)


@settings(deadline=None, max_examples=60)
@given(sketches())
def test_an_arrow_passes_no_box(sketch: Sketch) -> None:
    layout = lay_out(sketch)
    boxes = areas(layout)[: len(layout.boxes)]
    for placed in layout.arrows:
        # Where it goes straight: between these it turns, in the room between two rows.
        for (x, y), (_, end) in list(pairwise(placed.points))[1::2]:
            middle = (y + end) / 2
            assert not any(left < x < right and top < middle < bottom for left, top, right, bottom in boxes)


@pytest.mark.parametrize("sketch", [SUPPORT, ODD], ids=["support", "odd"])
def test_arrows_go_down_but_for_the_one_that_closes_a_circle(sketch: Sketch) -> None:
    rows = in_rows(sketch)
    upwards = {(line.arrow.source, line.arrow.target) for line in rows.lines if line.upwards}
    assert upwards == ({("check", "ask"), ("look up", "check")} if sketch is ODD else set())
    for line in rows.lines:
        steps = [rows.cells[at].row for at in line.cells]
        assert steps == list(range(steps[0], steps[-1] + 1))


@pytest.mark.parametrize("sketch", [SUPPORT, ODD], ids=["support", "odd"])
def test_the_svg_says_all_by_itself_in_light_and_dark(sketch: Sketch) -> None:
    text = svg(sketch)
    assert text == svg(sketch)
    root = ElementTree.fromstring(text)
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said[0] == sketch.title
    labels = [arrow.label for arrow in sketch.arrows if arrow.label]
    assert sorted(map(str, said[1:])) == sorted([box.name for box in sketch.boxes] + labels)
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert "start to " in str(description.text)
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"<script|href=|url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", text)


def test_mermaid_names_every_node_and_route() -> None:
    lines = mermaid(SUPPORT).splitlines()
    assert lines[:4] == ["---", 'title: "support@2"', "---", "flowchart TD"]
    assert '  n0(["start"])' in lines
    assert '  n1 -->|"continue"| n2' in lines
    assert len(lines) == 4 + len(SUPPORT.boxes) + len(SUPPORT.arrows)
    assert '"#60;wrong#62;"' in mermaid(ODD)


def test_routes_to_the_same_node_are_one_arrow() -> None:
    data = load_config().model_dump(by_alias=True)
    data["edges"][1]["when"] = {"continue": "smalltalk", "blocked": "smalltalk"}
    arrows = sketch_of(type(load_config()).model_validate(data)).arrows
    assert Arrow("policy", "smalltalk", "continue, blocked") in arrows


def test_what_would_fall_is_pooled_at_its_mean() -> None:
    assert rising([1, 5, 2, 9], [1, 1, 2, 1]) == [1, 3, 3, 9]
    assert rising([3, 2, 1], [1, 1, 1]) == [2, 2, 2]
