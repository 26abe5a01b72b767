"""The certificate authorities that the worker trusts, for downloads and for model servers."""

from __future__ import annotations

import ssl

import httpx

from ocr_worker.settings import ca_bundle


def create_tls_context() -> ssl.SSLContext:
    """Return a context that trusts the authorities of the environment, or those of certifi. Takes tens of milliseconds.

    REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE come first, then SSL_CERT_FILE and SSL_CERT_DIR. Raises OSError when what they
    name cannot be read.
    """
    bundle = ca_bundle()
    if bundle is None:
        return httpx.create_ssl_context()
    if bundle.is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)
