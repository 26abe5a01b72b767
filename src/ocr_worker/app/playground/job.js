// One job: what was asked for, what has arrived, and what of it can be taken away.

export class Job {
  control = new AbortController();
  documents = new Map(); // id -> {expected, pages: number -> page, in their order}
  summary = null;
  done = 0;
  failed = 0;

  /** sources: files and links. asked: pages, dpi, password. */
  constructor(sources, asked) {
    Object.assign(this, { sources, asked });
  }

  get expected() {
    return [...this.documents.values()].reduce((sum, one) => sum + one.expected, 0);
  }

  get allOpen() {
    return this.documents.size === this.sources.length;
  }

  /** Takes a page, or another try at one. Its picture is for the screen, not for the JSON. */
  arrived({ document: id, expected, page: { image, ...page } }) {
    if (!this.documents.has(id)) this.documents.set(id, { expected, pages: new Map() });
    const { pages } = this.documents.get(id);
    const earlier = pages.get(page.page);
    this.done += earlier ? 0 : 1;
    this.failed += (page.error ? 1 : 0) - (earlier?.error ? 1 : 0);
    pages.set(page.page, page);
  }

  sourceOf(id) {
    return this.sources[Number(id.replace("document-", "")) - 1]; // the worker numbers them as they were sent
  }

  nameOf(id) {
    return nameOf(this.sourceOf(id));
  }

  /** What the worker says, with a document's own name instead of the worker's, and without its JSON's paths. */
  told(text) {
    const plain = text.replace(/^nothing was parsed; /, "").replace(/\binput\.(documents\[\d+\]\.)?(?=\w)/g, "");
    return plain.replace(/\bdocument-\d+\b/g, (id) => (this.sourceOf(id) ? this.nameOf(id) : id));
  }

  markdown() {
    const pages = [...this.documents.values()].flatMap((one) => [...one.pages.values()]);
    const texts = pages.map((page) => (page.error ? `<!-- page ${page.page}: ${page.error.code} -->` : page.markdown));
    return texts.filter(Boolean).join("\n\n");
  }

  json() {
    const told = this.summary?.documents ?? [...this.documents.keys()].map((id) => ({ id }));
    const documents = told.map((one) => ({ ...one, pages: [...(this.documents.get(one.id)?.pages.values() ?? [])] }));
    return JSON.stringify({ ...this.summary, documents }, null, 2);
  }
}

export const nameOf = (source) => (typeof source === "string" ? source.replace(/[?#].*/, "") : source.name);

export function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
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
