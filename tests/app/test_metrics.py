"""The metrics of the app, without a server."""

from __future__ import annotations

from typing import Any

from ocr_worker.app.metrics import Metrics
from ocr_worker.wire.results import coverage
from ocr_worker.wire.schema import DocumentResult, EngineInfo, PageResult, PageWarning, ParseResponse, Timing


def test_metrics_count_findings_and_compared_pages() -> None:
    """Findings are counted by code and pages by whether they were compared; other warnings, stored pages and pages
    without `verify` are not. Every series begins with 0."""
    metrics = Metrics()
    assert b'ocr_findings_total{code="CUT"} 0.0' in metrics.text()
    assert b'ocr_verified_pages_total{verified="false"} 0.0' in metrics.text()
    warnings = [PageWarning(code=code, message="m") for code in ("CUT", "CUT", "REPEATED", "NO_TEXT")]
    values: list[dict[str, Any]] = [
        {"verified": True, "warnings": warnings},
        {"verified": True, "warnings": warnings, "from_checkpoint": True},
        {"verified": False},
        {},
    ]
    pages = [PageResult(page=number, status="succeeded", **fields) for number, fields in enumerate(values, 1)]
    document = DocumentResult(id="a", status="succeeded", pages=pages)
    engine = EngineInfo(name="double", version="1", backend="native")
    metrics.count_response(
        ParseResponse(
            status="succeeded", engine=engine, documents=[document], coverage=coverage([document]), timing=Timing()
        )
    )
    text = metrics.text().decode()
    for line in ('findings_total{code="CUT"} 2.0', 'findings_total{code="REPEATED"} 1.0'):
        assert f"\nocr_{line}\n" in text
    for verified in ("true", "false"):
        assert f'\nocr_verified_pages_total{{verified="{verified}"}} 1.0\n' in text
    assert "NO_TEXT" not in text
