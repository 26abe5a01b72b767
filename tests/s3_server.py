"""An S3 server on loopback, and a proxy before it that fails in the ways of a network and of a busy service.

The server is moto's own in a process of its own, with its checks of keys, signatures and rights switched on: it refuses
a wrong key id, a wrong secret, a missing bucket and a missing right by itself, with S3's codes. Unlike S3 it compares no
clocks, holds no body against its signed digest, and knows no presigned URLs while it checks; those (AWS4-HMAC-SHA256
only) it learns from `PresignedQuery`. The proxy adds faults and no rules of S3's.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from answering import Answering

BUCKET = "results"
PAGE_KEYS = 10  # of a listing; few, so that whoever forgets the next page is found out

_START_S = 30
_PIECE = 65_536
_READER = ["s3:GetObject", "s3:ListBucket"]
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


class S3Server:
    """A context manager: a bucket in a server process, a user who may do everything, one who may only read and list."""

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_KEYS)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self.url = f"http://127.0.0.1:{self._port()}"
            self._set_up()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    def settings(self, endpoint: str | None = None, **overrides: str) -> dict[str, str]:
        """A worker's environment that names the bucket; the endpoint is the server's own unless one is given."""
        return self._settings(self._writer, endpoint) | overrides

    def reader(self, endpoint: str | None = None) -> dict[str, str]:
        """The same for a user who may read and list, but not write."""
        return self._settings(self._reader, endpoint)

    def keys(self, prefix: str = "") -> list[str]:
        """Of the objects in the bucket, from every page of the listing."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises botocore's ClientError."""
        body: bytes = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        """Stores an object."""
        self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Deletes an object, or nothing."""
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def uploads(self) -> list[str]:
        """Keys of the multipart uploads that are neither complete nor aborted."""
        found = self._client.list_multipart_uploads(Bucket=BUCKET)
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def log(self) -> str:
        """What the server has printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _port(self) -> int:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_S)
        line = self._process.stdout.readline() if ready else b""
        assert line, f"moto did not start:\n{self.log()}"
        return int(line)

    def _set_up(self) -> None:
        """Users and bucket come first: from then on the server refuses whoever it does not know."""
        self._writer = self._user("writer", ["s3:*"])
        self._reader = self._user("reader", _READER)
        self._client = self._client_of("s3", self._writer)
        self._client.create_bucket(Bucket=BUCKET)
        urllib.request.urlopen(f"{self.url}/moto-api/reset-auth", data=b"0", timeout=10).close()

    def _user(self, name: str, actions: list[str]) -> tuple[str, str]:
        """A new user's key id and secret; rights hold for all buckets, so that a missing one is told as missing."""
        iam = self._client_of("iam", ("nobody", "nothing"))
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _client_of(self, service: str, key: tuple[str, str]) -> Any:
        session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1])
        config = Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=20)
        return session.client(service, endpoint_url=self.url, region_name="us-east-1", config=config)

    def _settings(self, key: tuple[str, str], endpoint: str | None) -> dict[str, str]:
        return {
            "BUCKET_ENDPOINT_URL": endpoint or self.url,
            "BUCKET_ACCESS_KEY_ID": key[0],
            "BUCKET_SECRET_ACCESS_KEY": key[1],
            "BUCKET_NAME": BUCKET,
        }

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate(timeout=10)
        self._log.close()


class FaultyProxy:
    """A context manager: passes HTTP on to `upstream`, the Host header unchanged as signatures cover it, until told not to.

    answered: how many requests were "passed" (and answered by the server), answered "503", "cut" and left "hanging".
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.answered: Counter[str] = Counter()
        self.cut_after = 0
        self._cuts = 0
        self._unavailable_until = 0.0
        self._lock = threading.Lock()
        self._awake = threading.Event()

    def __enter__(self) -> Self:
        self._port = socket.socket()  # bound and never listening: holds the port while the listener is away
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._port.getsockname()[1]}"
        self._listener: Listener | None = None
        self.come_back()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._awake.set()
        self.go_away()
        self._port.close()

    # ----------------------------------------------------------------- for tests

    def unavailable_for(self, seconds: float) -> None:
        """From now on every request is read whole and answered 503; `float("inf")` is for good."""
        self._unavailable_until = time.monotonic() + seconds

    def cut_uploads(self, times: int, after_bytes: int = _PIECE) -> None:
        """The next requests with a longer body lose both their connections once so much of it has passed."""
        with self._lock:
            self.cut_after, self._cuts = after_bytes, times

    def go_away(self) -> None:
        """Closes every connection and refuses new ones."""
        if self._listener:
            self._listener.stop()
            self._listener = None

    def hang(self) -> None:
        """From now on requests are accepted, but neither is their body read nor do they get an answer."""
        self._awake.clear()

    def come_back(self) -> None:
        """Ends every fault; requests that hung lose their connection."""
        self._unavailable_until = self._cuts = 0
        self._awake.set()
        if not self._listener:
            self._listener = Listener(self, self._port.getsockname())

    # ----------------------------------------------------------------- for its connections

    def count(self, what: str) -> None:
        """Comes before the answer: who has the answer may look at once."""
        with self._lock:
            self.answered[what] += 1

    def unavailable(self) -> bool:
        return time.monotonic() < self._unavailable_until

    def hung(self) -> bool:
        """Returns at once when nothing hangs; else waits for the end of it."""
        if self._awake.is_set():
            return False
        self.count("hanging")
        return self._awake.wait()

    def takes_cut(self) -> bool:
        """Whether one is left; then there is one less."""
        with self._lock:
            taken = self._cuts > 0
            self._cuts -= taken
        return taken


class Listener(ThreadingHTTPServer):
    """Serves at once, and can end all its connections."""

    request_queue_size = 32

    def __init__(self, proxy: FaultyProxy, address: tuple[str, int]) -> None:
        super().__init__(address, Relay)
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(0.02,), name="faulty-proxy", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Relay(Answering):
    """One connection of a client; each of its requests gets a connection to the server of its own."""

    server: Listener
    timeout = 60

    def handle_expect_100(self) -> bool:
        return True  # `relay` says it, once it wants the body

    def relay(self) -> None:
        proxy = self.server.proxy
        if proxy.hung():
            self.close_connection = True
            return
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        if proxy.unavailable():
            for _ in self._body():
                pass
            proxy.count("503")
            self.answer(b"" if self.command == "HEAD" else _SLOW_DOWN, 503, Content_Type="application/xml")
        else:
            self._pass_on()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay
