// POST /v1/parse and what comes back: a stream of events, or a problem.

export class Problem extends Error {
  /** problem: problem+json, or an object of this page with the same members. */
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { code: "", retryable: false, status: 0, documents: [] }, problem);
  }
}

/** Yields `{event, data}`; `onSent` is called when the worker has the documents. Throws Problem, or AbortError. */
export async function* parse({ sources, pages, dpi, password, verify }, { key, signal, onSent }) {
  const form = new FormData();
  for (const [index, source] of sources.entries()) {
    form.append(typeof source === "string" ? "url" : "file", source);
    form.append("id", `document-${index + 1}`); // else the id of a file is its name, and two can have the same
  }
  if (pages) form.append("pages", pages);
  if (password) form.append("password", password);
  const options = { page_images: "inline", figures: "inline", ...(dpi ? { dpi: Number(dpi) } : {}), ...(verify ? { verify } : {}) };
  form.append("options", JSON.stringify(options));
  const headers = { Accept: "text/event-stream", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  const answer = await reached(() => fetch("v1/parse?render=html", { method: "POST", body: form, headers, signal }));
  if (!answer.ok) throw new Problem(await problemOf(answer));
  onSent?.();
  let ended = false;
  const reader = answer.body.getReader();
  for await (const event of events(reader)) {
    if (event.event === "error") throw new Problem(event.data);
    ended ||= event.event === "summary";
    yield event;
  }
  if (!ended) throw new Problem(BROKEN);
}

const BROKEN = {
  code: "CONNECTION_LOST",
  detail: "The connection to the worker was lost before the last page. The pages received so far are below.",
  retryable: true,
};
const UNREACHED = {
  code: "UNREACHABLE",
  detail: "The worker does not respond. Check that it is running and that you are online.",
  retryable: true,
};

async function reached(call, otherwise = UNREACHED) {
  try {
    return await call();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(otherwise);
  }
}

async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const detail = body.detail ?? `The worker responded with ${answer.status} ${answer.statusText}.`;
  return { retryable: answer.status >= 500, ...body, detail, status: answer.status };
}

/** The events of a stream. Pieces are kept apart until their line is whole: a page's line may have megabytes. */
async function* events(reader) {
  const decoder = new TextDecoder();
  let pieces = [], name = "message", data = [];
  for (;;) {
    const { done, value } = await reached(() => reader.read(), BROKEN);
    if (done) return;
    const [first, ...rest] = decoder.decode(value, { stream: true }).split("\n");
    pieces.push(first);
    for (const next of rest) {
      const line = pieces.join("").replace(/\r$/, "");
      pieces = [next];
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5));
      else if (line === "" && data.length) {
        yield { event: name, data: JSON.parse(data.join("\n")) };
        [name, data] = ["message", []];
      }
    }
  }
}
