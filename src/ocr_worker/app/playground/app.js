// The page: a person's doings, and how it all stands.
import { ready, watch } from "./engine.js";
import { copy, Job, nameOf, save } from "./job.js";
import { Pages } from "./pages.js";
import { parse, Problem } from "./stream.js";

const $ = (selector) => document.querySelector(selector);
const pages = new Pages($("#results"));
const KEY = "ocr-worker-key";
const ANNOUNCED_EVERY_MS = 8000;
// The first whose beginning fits.
const TITLES = {
  UNAUTHORIZED: "This worker needs an API key",
  UNREACHABLE: "The worker cannot be reached",
  CONNECTION_LOST: "The connection was lost",
  QUEUE_FULL: "The worker is busy",
  INVALID_REQUEST: "The request is invalid",
  SOURCE_TOO_LARGE: "The document is too large",
  SOURCE_: "The document could not be fetched",
  DOCUMENT_UNSUPPORTED_TYPE: "The file type is not supported",
  DOCUMENT_ENCRYPTED: "The PDF needs a password",
  DOCUMENT_PAGE_OUT_OF_RANGE: "The document does not have these pages",
  ENGINE_UNAVAILABLE: "The engine is not available",
  "": "The document could not be read",
};

let job = null;

// --------------------------------------------------------------------------- a job

const chosen = () => ({ pages: $("#pages").value.trim(), dpi: $("#dpi").value, password: $("#password").value, verify: $("#verify").value });

function start(sources, options = chosen()) {
  if (!sources.length) return;
  job?.control.abort();
  job = new Job(sources, options);
  pages.clear();
  $("#filter").hidden = true;
  $("#notes").replaceChildren();
  $("#name").textContent = sources.map(nameOf).join(", ");
  run(job);
}

async function run(thisJob) {
  $("#problem").hidden = true;
  show("busy");
  try {
    await ready(thisJob.control.signal, () => tell("The engine is loading. The document is sent when it is ready.", true));
    tell("Sending the document …", true);
    for await (const { event, data } of events(thisJob, thisJob.sources, thisJob.options)) {
      if (event === "page") showPage(thisJob, data);
      else if (event === "summary") showSummary(thisJob, data);
    }
    show("done");
  } catch (error) {
    if (thisJob !== job) return;
    if (error.name === "AbortError") showStop(thisJob);
    else if (error.status === 401 && (await askForKey())) run(thisJob);
    else showFailure(thisJob, error);
  }
}

function events(thisJob, sources, options) {
  const onSent = () => thisJob.done || tell("Waiting for the first page …", true);
  return parse({ sources, ...options }, { key: sessionStorage.getItem(KEY), signal: thisJob.control.signal, onSent });
}

function showPage(thisJob, data) {
  const { document: id, page } = data;
  thisJob.add(data);
  const title = thisJob.sources.length > 1 ? `${thisJob.nameOf(id)}, page ${page.page}` : `Page ${page.page}`;
  pages.add(data, title, (button) => again(thisJob, id, page.page, button));
  Object.assign($("#progress"), { max: thisJob.expected, value: thisJob.done });
  filterable(thisJob);
  takeaways(true);
  const [count, of] = thisJob.allOpen ? [thisJob.expected, `of ${thisJob.expected} `] : [thisJob.done, ""];
  tell(`${thisJob.done} ${of}${plural(count)}${thisJob.failed ? ` · ${thisJob.failed} failed` : ""}`);
}

function showSummary(thisJob, summary) {
  thisJob.summary = summary;
  for (const { id, error, warnings = [] } of summary.documents) {
    for (const { message } of warnings) $("#notes").appendChild(document.createElement("li")).textContent = message;
    if (error && !thisJob.documents.has(id)) pages.add({ document: id, page: { status: "failed", error } }, thisJob.nameOf(id));
  }
  const [read, { engine, timing }] = [thisJob.done - thisJob.failed, summary];
  const unopened = summary.documents.filter((one) => !thisJob.documents.has(one.id)).length;
  const parts = [
    `${read} ${plural(read)} read`,
    ...(thisJob.failed ? [`${thisJob.failed} failed`] : []),
    ...(unopened ? [`${unopened} of ${thisJob.sources.length} documents failed`] : []),
    `in ${timing.total.toFixed(1)} s by ${engine.name} ${engine.version}`,
  ];
  tell(parts.length > 2 ? parts.join(", ") : parts.join(" "), true);
}

function showStop(thisJob) {
  tell(thisJob.done ? `Stopped after ${thisJob.done} of ${thisJob.expected} ${plural(thisJob.expected)}` : "Stopped", true);
  show(thisJob.done ? "done" : "empty");
}

function showFailure(thisJob, error) {
  const ours = { code: "", detail: "An unexpected error occurred on this page.", retryable: true };
  const { code, detail, retryable, status } = error instanceof Problem ? error : (console.error(error), ours);
  $("#problem h2").textContent = Object.entries(TITLES).find(([begin]) => code.startsWith(begin))[1];
  const [names, text] = [thisJob.sources.map(nameOf).join(", "), thisJob.plainMessage(detail)];
  $("#problem .subject").textContent = text.includes(names) ? "" : names;
  $("#problem .detail").textContent = text;
  if (error.documents?.length) thisJob.summary ??= { status: "failed", documents: error.documents };
  $("#problem code").textContent = code;
  $("#problem .advice").textContent = retryable ? "Trying again may help." : "";
  const isEncrypted = code === "DOCUMENT_ENCRYPTED";
  if (isEncrypted) $("#problem .advice").textContent = "Enter the password below, then try again.";
  $("#again").hidden = !retryable && status !== 401 && !isEncrypted;
  $("#problem").hidden = false;
  tell(`${thisJob.done - thisJob.failed} of ${thisJob.expected} ${plural(thisJob.expected)} read`);
  show(thisJob.done ? "done" : "empty");
  $("#problem").focus();
  watch();
}

/** Reads one page once more and puts it in its place. */
async function again(thisJob, id, number, button) {
  button.disabled = true;
  try {
    for await (const { event, data } of events(thisJob, [thisJob.sourceOf(id)], { ...thisJob.options, pages: `${number}` }))
      if (event === "page" && thisJob === job) showPage(thisJob, { ...data, document: id });
  } catch (error) {
    if (thisJob === job && error.name !== "AbortError" && !error.coverage) showFailure(thisJob, error);
  }
  button.disabled = false;
}

// --------------------------------------------------------------------------- how it stands

function show(state) {
  document.documentElement.dataset.state = state;
  $("#ask").hidden = state !== "empty";
  $("#job").hidden = state === "empty";
  $("#stop").hidden = $("#progress").hidden = state !== "busy";
  $("#another").hidden = state === "busy";
  if (state === "busy") $("#progress").removeAttribute("value");
  takeaways(state === "done");
}

function takeaways(usable) {
  for (const button of document.querySelectorAll("[data-take]")) button.disabled = !usable;
}

/** Offers to show only what has findings, and says how many there are, and how many pages were not compared. */
function filterable(thisJob) {
  const { verified, unverified, findings } = thisJob.comparison;
  $("#filter").hidden = !verified && !unverified;
  $("#filter span").textContent = findings ? `Only findings (${findings})` : "No findings";
  $("#only").disabled = !findings;
  $("#uncompared").textContent = unverified ? `${unverified} ${plural(unverified)} not compared` : "";
}

let announced = 0;

/** Shows the state of the job. A screen reader announces it now and then, and important changes at once. */
function tell(text, matters = false) {
  $("#status-line").textContent = text;
  if (!matters && performance.now() - announced < ANNOUNCED_EVERY_MS) return;
  announced = performance.now();
  $("#announced").textContent = text;
}

const plural = (count) => (count === 1 ? "page" : "pages");

/** Asks for the API key. */
function askForKey() {
  const [dialog, field] = [$("#key"), $("#key-value")];
  $("#key-message").textContent = sessionStorage.getItem(KEY)
    ? "The worker did not accept this key."
    : "Ask the person who runs the worker for one.";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((decide) => {
    const close = () => {
      const key = dialog.returnValue === "use" && field.value.trim();
      if (key) sessionStorage.setItem(KEY, key);
      field.value = "";
      decide(Boolean(key));
    };
    dialog.addEventListener("close", close, { once: true });
  });
}

// --------------------------------------------------------------------------- what a person does

$("#file").addEventListener("change", ({ target }) => {
  start([...target.files]);
  target.value = "";
});
$("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  start([$("#url").value.trim()].filter(Boolean));
});
$("#only").addEventListener("change", ({ target }) => document.documentElement.classList.toggle("only", target.checked));
$("#stop").addEventListener("click", () => job.control.abort());
$("#again").addEventListener("click", () => start(job.sources, { ...job.options, password: $("#password").value }));
$("#another").addEventListener("click", () => {
  pages.clear();
  $("#problem").hidden = true;
  show("empty");
  $("#file").focus();
});
document.addEventListener("click", async ({ target }) => {
  if (!target.matches("[data-take]")) return;
  const [verb, form] = target.dataset.take.split(" ");
  const content = form === "md" ? job.markdown() : form === "zip" ? job.zip() : job.json();
  if (verb === "save") save(content, `${nameOf(job.sources[0]).replace(/.*\/|\.\w+$/g, "") || "document"}.${form}`);
  else await copy(content);
  target.dataset.done = "";
  $("#announced").textContent = verb === "save" ? "Saved" : "Copied";
  setTimeout(() => delete target.dataset.done, 1500);
});
document.addEventListener("paste", ({ clipboardData: pasted, target }) => {
  if (pasted.files.length) start([...pasted.files]);
  else if (!target.matches?.("input")) start(linksIn(pasted));
});
let over = 0;
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.documentElement.classList.add("over");
  clearTimeout(over);
  over = setTimeout(() => document.documentElement.classList.remove("over"), 200);
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const { dataTransfer: dropped } = event;
  start(dropped.files.length ? [...dropped.files] : linksIn(dropped));
});
addEventListener("online", watch);
const linksIn = (data) => data.getData("text").split(/\s+/).filter((one) => /^https?:\/\//i.test(one));

show("empty");
watch();
