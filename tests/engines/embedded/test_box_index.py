"""The index of boxes misses none that meets a stretch of the page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, y_overlap

edges = st.floats(-50, 3000)
boxes = st.builds(lambda y0, height: Box(0, y0, 10, y0 + height), edges, st.sampled_from([0.0, 0.4, 12.0, 13.5, 900.0]))


@given(st.lists(boxes, max_size=30), boxes)
def test_all_boxes_that_meet_are_near(others: list[Box], box: Box) -> None:
    """Boxes that touch meet as well; the indices ascend."""
    near = BoxIndex(others).near(box.y0, box.y1)
    assert near == sorted(near)
    assert {i for i, other in enumerate(others) if y_overlap(other, box) >= 0} <= set(near)
