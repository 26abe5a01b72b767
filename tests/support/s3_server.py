"""An S3 server on loopback, and a proxy before it that fails like a network and like a busy service.

The server is moto, in its own process, with its checks of keys, signatures and rights enabled: a wrong key id, a wrong
secret, a missing bucket and a missing right are rejected with S3's codes. Unlike S3 it compares no clocks (a presigned
URL never expires) and no body with its signed digest. moto does not support presigned URLs; `serve` adds them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import ThreadingHTTPServer
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import boto3
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from support.http_handler import Answering
from support.waiting import PATIENCE_S

BUCKET = "results"
PAGE_KEYS = 10  # of a listing; few, so that whoever forgets the next page is found out

TESTS = Path(__file__).parents[1]
_PIECE = 65_536
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class S3Server:
    """A context manager: a bucket in a server process, a user with all rights, and one who may only read and list.

    policy: rights of a third user, `restricted`.
    """

    def __init__(self, policy: Any = None) -> None:
        self._policy = policy

    def __enter__(self) -> Self:
        env = os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_KEYS), "PYTHONPATH": str(TESTS)}
        command = [sys.executable, "-m", "support.s3_server"]
        self._process = Popen(command, env=env, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True)
        with contextlib.ExitStack() as stack:
            stack.push(self)  # nobody else ends the process when it comes no further
            self.url = f"http://127.0.0.1:{self._port()}"
            self._set_up()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate(timeout=PATIENCE_S)

    def settings(self, endpoint: str | None = None, **overrides: str) -> dict[str, str]:
        """Return a worker's environment that names the bucket. endpoint: default: the server's own."""
        return {"BUCKET_ENDPOINT_URL": endpoint or self.url, "BUCKET_NAME": BUCKET} | self._writer | overrides

    def reader(self, endpoint: str | None = None) -> dict[str, str]:
        """Return the same for a user who may read and list, but not write."""
        return self.settings(endpoint, **self._reader)

    def restricted(self) -> dict[str, str]:
        """Return the keys of the user with the rights of `policy`, as a worker's environment names them."""
        return self._restricted

    def client(self) -> Any:
        """Return a boto3 client of the user with all rights."""
        return self._client

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the objects in the bucket, from every page of the listing."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return bytes(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def uploads(self) -> list[str]:
        """Return the keys of the multipart uploads that are neither complete nor aborted."""
        return [upload["Key"] for upload in self._client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]

    def _port(self) -> int:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        line = self._process.stdout.readline() if ready else b""
        assert line, "the S3 server did not start: run `python -m support.s3_server` in tests/ to see why"
        return int(line)

    def _set_up(self) -> None:
        """Create the users and the bucket. Users come first: the last line makes the server reject unknown keys."""
        self._writer = self._user("writer", _allow("s3:*"))
        self._reader = self._user("reader", _allow("s3:GetObject", "s3:ListBucket"))
        self._restricted = self._user("restricted", self._policy) if self._policy else {}
        self._client = self._client_of("s3", *self._writer.values())
        self._client.create_bucket(Bucket=BUCKET)
        requests.post(f"{self.url}/moto-api/reset-auth", data="0", timeout=PATIENCE_S).raise_for_status()

    def _user(self, name: str, policy: Any) -> dict[str, str]:
        """Create a user with these rights. Return its keys."""
        iam = self._client_of("iam", "nobody", "nothing")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"BUCKET_ACCESS_KEY_ID": key["AccessKeyId"], "BUCKET_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def _client_of(self, service: str, key_id: str, secret: str) -> Any:
        return boto3.session.Session(key_id, secret, region_name="us-east-1").client(service, endpoint_url=self.url)


def _allow(*actions: str) -> dict[str, Any]:
    """Return a policy that allows the actions in any bucket, so that a missing bucket is reported as missing."""
    allowed = {"Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::*"}
    return {"Version": "2012-10-17", "Statement": [allowed]}


class FaultyProxy(ThreadingHTTPServer):
    """A context manager: passes HTTP on to `upstream`, with the original Host header, and fails on demand.

    answered: the number of requests that were "passed" to the server, answered "503", "cut" or left "hanging".
    dates: of the signatures of requests that were passed, as S3 writes them.
    """

    request_queue_size = 32

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Relay, bind_and_activate=False)
        self.upstream = urlsplit(upstream).netloc
        self.answered: Counter[str] = Counter()
        self.dates: list[str] = []
        self.awake = threading.Event()
        self._lock = threading.Lock()
        self._accepted: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._reserved = self.socket  # never listens: keeps the port while nobody does
        self.server_bind()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self.awake.set()
        self.go_away()
        self._reserved.close()

    def unavailable_for(self, seconds: float) -> None:
        """Answer every request with 503 for `seconds`, after reading it; `float("inf")`: for good."""
        self.unavailable_until = time.monotonic() + seconds

    def cut_uploads(self, times: int, after_bytes: int = _PIECE) -> None:
        """Cut the next `times` requests with a longer body after this many bytes."""
        self.cut_after, self.cuts = after_bytes, threading.Semaphore(times)

    def hang(self) -> None:
        """Accept requests from now on without reading their bodies or responding."""
        self.awake.clear()

    def go_away(self) -> None:
        """Close every connection and refuse new ones."""
        if self.socket is not self._reserved:
            self.shutdown()
            self.server_close()
            self.socket = self._reserved
        while self._accepted:
            with contextlib.suppress(OSError):
                self._accepted.pop().shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """End every fault; hanging requests lose their connection."""
        self.unavailable_for(0)
        self.cut_uploads(0)
        self.awake.set()
        if self.socket is self._reserved:
            self.socket = socket.socket()
            self.server_bind()
            self.server_activate()
            threading.Thread(target=self.serve_forever, args=(0.02,), name="faulty-proxy", daemon=True).start()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._accepted.append(connection)
        return connection, address

    def count(self, what: str) -> None:
        """Count a request. Called before the response, because its reader may check the count at once."""
        with self._lock:
            self.answered[what] += 1


class Relay(Answering):
    """A client's connection; each of its requests gets its own connection to the server."""

    server: FaultyProxy
    timeout = PATIENCE_S

    def handle(self) -> None:
        with contextlib.suppress(OSError, HTTPException):
            super().handle()

    def handle_expect_100(self) -> bool:
        return True  # `relay` says 100 once it wants the body

    def relay(self) -> None:
        if not self.server.awake.is_set():
            self.server.count("hanging")
            self.server.awake.wait(600)
            raise ConnectionAbortedError
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        if time.monotonic() < self.server.unavailable_until:
            list(self._body())
            self.server.count("503")
            self.answer(b"" if self.command == "HEAD" else _SLOW_DOWN, 503, Content_Type="application/xml")
        else:
            with contextlib.closing(HTTPConnection(self.server.upstream, timeout=self.timeout)) as upstream:
                self._send(upstream)
                self._return(upstream.getresponse())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay

    def _send(self, upstream: HTTPConnection) -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                upstream.putheader(name, value)
        upstream.endheaders()
        passed, limit = 0, self.server.cut_after
        for piece in self._body():
            if passed <= limit < passed + len(piece) and self.server.cuts.acquire(blocking=False):
                upstream.send(piece[: limit - passed])
                self.server.count("cut")
                raise ConnectionAbortedError
            upstream.send(piece)
            passed += len(piece)

    def _return(self, response: HTTPResponse) -> None:
        self.server.count("passed")
        self.server.dates += filter(None, [self.headers.get("X-Amz-Date")])
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if response.length is None:
            self.send_header("Connection", "close")  # tells the end of the body
        self.end_headers()
        shutil.copyfileobj(response, self.wfile)

    def _body(self) -> Iterator[bytes]:
        """Yield the request's body as it arrives, chunk heads included. Raises ConnectionError when it ends early."""
        left = int(self.headers.get("Content-Length", 0))
        while left:
            yield self._exactly(count := min(left, _PIECE))
            left -= count
        size = int("chunked" in self.headers.get("Transfer-Encoding", ""))
        while size:
            head = self.rfile.readline()
            size = int(head.partition(b";")[0] or b"0", 16)
            yield head + self._exactly(size + 2)

    def _exactly(self, count: int) -> bytes:
        if len(piece := self.rfile.read(count)) < count:
            raise ConnectionAbortedError
        return piece


def serve() -> None:
    """Run the server's process: print the port, then serve. A presigned URL's query counts as a header."""
    from moto.iam import access_control
    from moto.moto_server import werkzeug_app
    from werkzeug.serving import make_server

    class Checks(access_control.S3IAMRequest):
        def __init__(self, **request: Any) -> None:
            url = urlsplit(request["path"])
            self._query = dict(parse_qsl(url.query, keep_blank_values=True))
            self._presigned = self._query.pop("X-Amz-Signature", "")
            if self._presigned:
                template = "Credential={X-Amz-Credential}, SignedHeaders={X-Amz-SignedHeaders}, Signature="
                headers = {**request["headers"], "Authorization": template.format_map(self._query) + self._presigned}
                request |= {"path": url.path, "headers": headers}
            super().__init__(**request)

        def _create_auth(self, credentials: Any) -> S3SigV4QueryAuth:  # to a header it is moto's own
            return S3SigV4QueryAuth(credentials, "s3", self._region)

        def _create_aws_request(self) -> AWSRequest:
            if not self._presigned:
                return super()._create_aws_request()
            headers = self._create_headers_for_aws_request(self._query["X-Amz-SignedHeaders"].split(";"), self._headers)
            request = AWSRequest(self._method, self._path, headers, params=self._query)
            request.context["timestamp"] = self._query["X-Amz-Date"]
            return request

    access_control.S3IAMRequest = Checks  # type: ignore[assignment, misc]
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=werkzeug_app.MotoRequestHandler)
    print(server.port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with whoever started the server, even where nothing is left to kill it


if __name__ == "__main__":
    serve()
