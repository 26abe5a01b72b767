// How the engine stands: loading, ready, dead, or out of reach.

const TOLD = {
  loading: "the engine is loading …",
  dead: "the engine is not available",
  offline: "the worker does not respond",
};
const STATES = { 200: "ready", 204: "loading", 503: "dead" };
const PAUSE_MS = 2000;

const shown = document.querySelector("#engine");
let watching = null;

/** Looks until the engine is ready; shows what it sees. */
export function watch() {
  watching ??= look().finally(() => (watching = null));
  return watching;
}

/** Resolves when a document can be sent. Throws AbortError when `signal` says so. */
export async function ready(signal, onWait) {
  for (;;) {
    const state = await readState();
    signal.throwIfAborted();
    if (state !== "loading") return; // the worker's own response explains any problem
    onWait();
    await pause();
    signal.throwIfAborted();
  }
}

async function look() {
  while ((await readState()) !== "ready") await pause();
}

async function readState() {
  const status = await fetch("ping", { cache: "no-store" }).then((answer) => answer.status).catch(() => 0);
  const state = STATES[status] ?? "offline";
  await show(state);
  return state;
}

async function show(state) {
  shown.dataset.state = state;
  shown.textContent = TOLD[state] ?? (await engineName());
}

async function engineName() {
  const { engine, limits, verify } = await fetch("health").then((answer) => answer.json()).catch(() => ({}));
  if (limits) document.querySelector("#limits").textContent = `; up to ${limits.source_mb} MB and ${limits.pages} pages`;
  document.querySelector("#second").hidden = !verify?.length;
  for (const option of document.querySelectorAll("#verify option")) option.hidden = option.value && !verify?.includes(option.value);
  return engine ? `${engine.name} ${engine.version} · ${engine.backend}` : "ready";
}

const pause = () => new Promise((go) => setTimeout(go, PAUSE_MS));
