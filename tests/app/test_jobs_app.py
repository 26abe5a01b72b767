"""The job wire of a served app: the official client, and a process that is killed in the midst of its jobs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from support import doubles
from support.app_process import App, serving
from support.doubles import READING
from support.drawing import WHITE, tiff
from support.job_wire import poll, submit
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process

KEY = {"Authorization": "Bearer secretkey"}


def result_of(app: App, job_id: str) -> list[str]:
    """Return the Markdown of the pages of a job that is done, from its address at this app."""
    state = poll(requests, job_id, None, app.url, **KEY)
    assert state["state"] == "done", state
    return texts_at(app, state["resultUrl"]["jsonUrl"])


def texts_at(app: App, address: str) -> list[str]:
    response = requests.get(app.url + urlsplit(address).path, timeout=PATIENCE_S)
    assert response.status_code == 200, response.text
    lines = response.text.splitlines()
    return [json.loads(line)["result"]["layoutParsingResults"][0]["markdown"]["text"] for line in lines]


def test_a_killed_server_loses_no_job_and_parses_no_page_again(tmp_path: Path) -> None:
    """After SIGKILL the next server finishes each accepted job under its id, from the page that was not yet parsed; old
    addresses stay good."""
    gate, journal = tmp_path / "gate", tmp_path / "journal"
    settings = {
        "OCR_ENGINE": "support.doubles:by_colour",
        "OCR_API_KEYS": "secretkey",
        "OCR_CONCURRENCY": "1",
        "OCR_STATE_DIR": str(tmp_path / "state"),
        "DOUBLE_BATCH": "1",
        "DOUBLE_GATE": str(gate),
        "DOUBLE_JOURNAL": str(journal),
    }
    with serving(tmp_path / "first.log", **settings) as app:
        app.wait(200)
        ended = submit(requests, tiff([WHITE]), app.url, headers=KEY)
        address = poll(requests, ended, None, app.url, **KEY)["resultUrl"]["jsonUrl"]
        running = submit(requests, tiff([WHITE, WHITE, doubles.HELD]), app.url, headers=KEY)
        waiting = submit(requests, tiff([(10, 20, 30)]), app.url, headers=KEY)
        state = poll(requests, running, lambda state: state["extractProgress"]["extractedPages"] == 2, app.url, **KEY)
        assert (state["state"], state["extractProgress"]["totalPages"]) == ("running", 3)
        assert eventually(lambda: doubles.is_held(gate) and len(list((tmp_path / "state").rglob("page-*.json"))) == 2)
        os.kill(app.process.pid, signal.SIGKILL)
    gate.touch()
    with serving(tmp_path / "second.log", **settings) as app:
        assert eventually(lambda: app.ping() is not None)
        assert texts_at(app, address) == [f"{READING} #ffffff"]
        assert len(result_of(app, running)) == 3
        assert result_of(app, waiting) == [f"{READING} #0a141e"]
    assert journal.read_text().split() == ["1", "1", "2", "3", "1"]


@pytest.mark.paddle
def test_the_official_client(tmp_path: Path) -> None:
    """`PaddleOCRClient`, as it is, submits a document, waits for it, and raises for a wrong key."""
    from paddleocr import PaddleOCRClient
    from paddleocr._api_client.errors import AuthError, InvalidRequestError

    document = tmp_path / "document.tiff"
    document.write_bytes(tiff([WHITE, (10, 20, 30)]))
    settings = {
        "OCR_ENGINE": "support.doubles:reading",
        "OCR_API_KEYS": "secretkey",
        "OCR_STATE_DIR": str(tmp_path / "s"),
    }
    with serving(tmp_path / "app.log", **settings) as app:
        app.wait(200)
        with PaddleOCRClient(token="wrong", base_url=app.url) as client, pytest.raises(AuthError, match="API key"):
            client.parse_document(file_path=str(document))
        with PaddleOCRClient(token="secretkey", base_url=app.url) as client:
            client._poller._initial_interval = 0.1
            result = client.parse_document(file_path=str(document), page_ranges="2", batch_id="b")
            assert [page.markdown_text for page in result.pages] == [f"{READING} #0a141e"]
            assert [job.state for job in client.get_batch_status("b").jobs] == ["done"]
            assert client.ocr(file_path=str(document)).pages[0].pruned_result["rec_texts"] == [f"{READING} #ffffff"]
            with pytest.raises(InvalidRequestError, match="pageRanges"):
                client.submit_ocr(file_path=str(document), page_ranges="0")
