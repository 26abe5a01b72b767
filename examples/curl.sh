#!/usr/bin/env bash
# One document through the HTTP app or through an endpoint, with nothing but curl and base64.
#
#   examples/curl.sh parse  [FILE]   HTTP app: the whole document as Markdown
#   examples/curl.sh pages  [FILE]   HTTP app: a line of JSON per page, as soon as the page is parsed
#   examples/curl.sh run    [FILE]   endpoint: submit a job, poll its status, print the result
#   examples/curl.sh stream [FILE]   endpoint with OCR_STREAM=true: submit a job, print each piece of its stream
#
# FILE is sample.pdf by default. The app is at APP_URL (`ocr-worker serve`), the endpoint at ENDPOINT_URL (`ocr-worker
# endpoint`, or https://api.runpod.ai/v2/ENDPOINT_ID). Where they ask for a key, it is OCR_API_KEY or RUNPOD_API_KEY.
set -euo pipefail

APP_URL=${APP_URL:-http://127.0.0.1:8000}
ENDPOINT_URL=${ENDPOINT_URL:-http://127.0.0.1:8090/v2/local}
file=${2:-$(dirname "$0")/sample.pdf}

call_app() { # further arguments of curl
  curl --silent --show-error --fail-with-body --no-buffer "$APP_URL/v1/parse" -F "file=@$file" \
    -H "Authorization: Bearer ${OCR_API_KEY:-}" "$@"
}

call_endpoint() { # path, further arguments of curl
  curl --silent --show-error --fail-with-body "$ENDPOINT_URL/$1" \
    -H "Authorization: Bearer ${RUNPOD_API_KEY:-}" "${@:2}"
}

submit() { # prints the job's id; the body comes through a pipe, because a document is too long for an argument
  { printf '{"input": {"documents": [{"base64": "'; base64 < "$file" | tr -d '\n'; printf '"}]}}'; } \
    | call_endpoint run -H 'Content-Type: application/json' --data-binary @- \
    | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p'
}

status_of() { # prints the job's state; only states of jobs are in capitals, those of documents and pages are not
  grep -o '"status": *"[A-Z_]*"' <<< "$1" | tail -n 1 | cut -d '"' -f 4
}

is_final() {
  case $1 in COMPLETED | FAILED | CANCELLED | TIMED_OUT) true ;; *) false ;; esac
}

case ${1:-} in
  parse)
    call_app -H 'Accept: text/markdown'
    ;;
  pages)
    call_app -H 'Accept: application/x-ndjson'
    ;;
  run)
    job=$(submit)
    response=$(call_endpoint "status/$job")
    until is_final "$(status_of "$response")"; do
      sleep 1
      response=$(call_endpoint "status/$job")
    done
    printf '%s\n' "$response"
    [ "$(status_of "$response")" = COMPLETED ]
    ;;
  stream)
    job=$(submit)
    response=
    # A response without pieces comes when there is nothing new yet, and after the last piece.
    until is_final "$(status_of "$response")" && ! grep -q '"output"' <<< "$response"; do
      response=$(call_endpoint "stream/$job")
      grep '"output"' <<< "$response" || true
    done
    [ "$(status_of "$response")" = COMPLETED ]
    ;;
  *)
    sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
