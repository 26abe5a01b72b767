// One job: its sources and options, the pages that were received, and the files that can be downloaded.
import { findingsOf } from "./findings.js";
import { safeName, zip } from "./zip.js";

export class Job {
  control = new AbortController();
  documents = new Map(); // id -> {expected, pages: number -> page, in their order}
  summary = null;
  done = 0;
  failed = 0;

  /** sources: files and links. options: pages, dpi, password, verify. */
  constructor(sources, options) {
    Object.assign(this, { sources, options });
  }

  get expected() {
    return [...this.documents.values()].reduce((sum, one) => sum + one.expected, 0);
  }

  get allOpen() {
    return this.documents.size === this.sources.length;
  }

  /** Takes a page, or another try at one. Its picture is for the screen, not for the JSON. */
  add({ document: id, expected, page: { image, ...page } }) {
    if (!this.documents.has(id)) this.documents.set(id, { expected, pages: new Map() });
    const { pages } = this.documents.get(id);
    const earlier = pages.get(page.page);
    this.done += earlier ? 0 : 1;
    this.failed += (page.error ? 1 : 0) - (earlier?.error ? 1 : 0);
    pages.set(page.page, page);
  }

  /** Pages that were compared with a second reading, pages that could not be, and findings. */
  get comparison() {
    const pages = [...this.documents.values()].flatMap((one) => [...one.pages.values()]);
    const findings = pages.reduce((sum, page) => sum + (page.verified ? findingsOf(page).length : 0), 0);
    const [verified, unverified] = [true, false].map((state) => pages.filter((page) => page.verified === state).length);
    return { verified, unverified, findings };
  }

  sourceOf(id) {
    return this.sources[Number(id.replace("document-", "")) - 1]; // the worker numbers them as they were sent
  }

  nameOf(id) {
    return nameOf(this.sourceOf(id));
  }

  /** Returns a message of the worker with a document's own name instead of the worker's, and without its JSON's paths. */
  plainMessage(text) {
    const plain = text.replace(/^nothing was parsed; /, "").replace(/\binput\.(documents\[\d+\]\.)?(?=\w)/g, "");
    return plain.replace(/\bdocument-\d+\b/g, (id) => (this.sourceOf(id) ? this.nameOf(id) : id));
  }

  /** Every document, in order, also one of which nothing has arrived. */
  get results() {
    const documents = this.summary?.documents ?? this.sources.map((_, index) => ({ id: `document-${index + 1}` }));
    return documents.map((one) => ({ ...one, pages: [...(this.documents.get(one.id)?.pages.values() ?? [])] }));
  }

  markdown() {
    return this.results.map((one) => this.#markdownOf(one)).filter(Boolean).join("\n\n");
  }

  /** What failed or is missing has a comment in its place. */
  #markdownOf({ id, error, status, pages }) {
    const expected = this.documents.get(id)?.expected;
    const isFailed = error && status === "failed" && !pages.some((page) => !page.error);
    const texts = isFailed ? [comment(`document ${this.nameOf(id)}: ${error.code}`)] : [];
    texts.push(...pages.map((page) => (page.error ? comment(`page ${page.page}: ${page.error.code}`) : page.markdown)));
    if (pages.length < expected) texts.push(comment(`${expected - pages.length} of ${expected} pages were not read`));
    else if (!pages.length && !isFailed) texts.push(comment(`document ${this.nameOf(id)}: was not read`));
    return texts.filter(Boolean).join("\n\n");
  }

  json() {
    return jsonOf({ ...this.summary, documents: this.results });
  }

  /** A folder for each document, as the worker's own zip has. */
  zip() {
    const documents = this.results.map(({ pages, ...one }) => one);
    const files = [["response.json", jsonOf({ ...this.summary, documents })]];
    const names = new Set();
    for (const one of this.results) {
      const base = safeName(this.nameOf(one.id).replace(/.*[/]/, ""));
      let folder = base;
      for (let number = 2; names.has(folder.toLowerCase()); number++) folder = `${base}-${number}`;
      names.add(folder.toLowerCase());
      for (const { name, base64 } of one.pages.flatMap((page) => page.figures ?? []))
        if (base64) files.push([`${folder}/${safeName(name.replace(/.*[/\\]/, ""))}`, bytesOf(base64)]);
      files.push([`${folder}/document.md`, `${this.#markdownOf(one)}\n`], [`${folder}/document.json`, jsonOf(one)]);
    }
    return new Blob(zip(files), { type: "application/zip" });
  }
}

/** Pictures are files of their own, and no part of the JSON. */
const jsonOf = (value) => JSON.stringify(value, (key, part) => (key === "base64" ? undefined : part), 2);

/** A comment in Markdown, which nothing in a file's name can end. */
const comment = (text) => `<!-- ${text.replace(/\s+/g, " ").replace(/-(?=[->!])/g, "- ")} -->`;

export function bytesOf(base64) {
  return Uint8Array.fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export const nameOf = (source) => (typeof source === "string" ? source.replace(/[?#].*/, "") : source.name);

/** content: a text, or a Blob. */
export function save(content, name) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.body.appendChild(document.createElement("textarea")); // on plain http there is no clipboard
  field.value = text;
  field.select();
  document.execCommand("copy");
  return field.remove();
}
