"""The settings that limit documents, downloads, rendering, second readings and responses."""

from __future__ import annotations

from pydantic import Field

from ocr_worker.settings.groups.base import SettingsGroup
from ocr_worker.settings.values import Hosts, PrivateHosts


class LimitSettings(SettingsGroup):
    """Limits on documents, downloads, rendering and responses."""

    max_source_mb: float = Field(200, gt=0, description="Largest size of one document, in MB. Default: 200.")
    fetch_timeout_s: float = Field(
        60, gt=0, description="Seconds that the download of one document may take, retries included. Default: 60."
    )
    fetch_concurrency: int = Field(
        4, ge=1, description="Number of documents of one job that are downloaded at the same time. Default: 4."
    )
    allowed_hosts: Hosts = Field(
        [],
        description="Hosts from which documents may be downloaded, such as `files.example.com,*.example.org`."
        " Default: every public host.",
    )
    private_hosts: PrivateHosts = Field(
        [],
        description="Private networks, addresses and host names from which documents may be downloaded, such as"
        " `10.1.0.0/16,minio.internal,*.svc.cluster.local`. Metadata addresses stay closed. If `OCR_ALLOWED_HOSTS` is"
        " set, it must name these hosts, too. Default: none.",
    )
    max_pages: int = Field(
        2000, ge=1, description="Largest number of pages of one document that a job may request. Default: 2000."
    )
    max_page_mpx: float = Field(
        50,
        gt=0,
        description="Largest page image, in megapixels; a larger page is rendered at a lower resolution. Default: 50.",
    )
    raster_workers: int = Field(
        2,
        ge=1,
        description="Number of processes that render documents. Default: 2. More are started while more documents are"
        " open, at most one for each job.",
    )
    raster_page_timeout_s: float = Field(
        30,
        gt=0,
        description="Seconds of processor time that rendering one page may take, or ten times as long by the clock."
        " Default: 30.",
    )
    raster_memory_mb: float = Field(
        2000,
        gt=0,
        description="Address space, in MB, that each rendering process may use in addition to what it has at its start."
        " Default: 2000.",
    )
    page_memory_mb: float | None = Field(
        None,
        gt=0,
        description="Memory, in MB, for the rendered pages of all jobs together. Default: 100; with a model server"
        " or `OCR_NATIVE=transformers`, room for twice `OCR_REPLICAS` times `OCR_PAGES_PER_CALL` pages, which is 400 or"
        " 100.",
    )
    verify_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Number of processes of low priority that read pages a second time, for the option `verify`."
        " Default: half of the processors, 1 to 4.",
    )
    verify_niceness: int = Field(
        19,
        ge=0,
        le=19,
        description="Niceness of these processes. 19: they run only when no other process wants the processor; 0: they"
        " take their share of it, also from the engine. Default: 19.",
    )
    verify_wait_s: float = Field(
        10,
        ge=0,
        description="Seconds for which a parsed page waits for its second reading, for the option `verify`; then it is"
        " returned unverified. Default: 10.",
    )
    inline_limit_mb: float = Field(
        10,
        gt=0,
        description="Largest inline response, in MB; what does not fit goes to the bucket or is shortened. Default: 10,"
        " because the platform drops larger responses.",
    )
