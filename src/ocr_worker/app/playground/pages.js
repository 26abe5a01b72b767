// Pages as they are shown: the picture with its boxes on one side, the blocks in reading order on the other.
import { blockAbove, findingsOf, isFinding, markWords } from "./findings.js";
import { bytesOf } from "./job.js";

const KIND_OF = {
  doc_title: "title", paragraph_title: "title", table: "table", chart: "figure", image: "figure", seal: "figure",
  header_image: "furniture", footer_image: "furniture", header: "furniture", footer: "furniture", number: "furniture",
  footnote: "furniture", aside_text: "furniture", formula: "formula", display_formula: "formula",
  inline_formula: "formula", formula_number: "formula", figure_title: "caption", table_title: "caption",
  chart_title: "caption", vision_footnote: "caption",
};
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
const SVG = "http://www.w3.org/2000/svg";
const SVG_NAMES = new Set(["rect", "svg", "image", "title", "g", "circle", "text"]);
const BADGES = 60; // the radius of a number on the picture is the width of the page divided by this
const LOW = 0.5; // a confidence below it is colored

const kindOf = (label) => KIND_OF[label] ?? "text";
const called = (label) => label.replaceAll("_", " ");

function element(name, attributes = {}, ...children) {
  const made = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export class Pages {
  #root; #template = document.querySelector("#page");
  #pictures = new Map(); // section -> {blob, url}; a URL only near what is seen, so that few pictures are decoded
  #sections = new Map(); // document's id and page -> section
  #lit = [];
  #near = new IntersectionObserver((seen) => seen.forEach((one) => this.#picture(one.target, one.isIntersecting)), {
    rootMargin: "1500px 0px",
  });

  constructor(root) {
    this.#root = root;
    root.addEventListener("pointerover", (event) => this.#light(findingAt(event.target) ?? blockAt(event.target) ?? focused()));
    root.addEventListener("pointerleave", () => this.#light(focused()));
    root.addEventListener("focusin", (event) => this.#light(blockAt(event.target)));
    root.addEventListener("focusout", () => this.#light(null));
    root.addEventListener("click", ({ target }) => {
      if (target.closest(".badge")) reveal(passageOf(findingAt(target)));
      else if (target.matches("rect")) reveal(twinOf(target));
    });
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  clear() {
    for (const section of this.#pictures.keys()) this.#forget(section);
    this.#sections.clear();
    this.#lit = [];
    this.#root.replaceChildren();
  }

  /** Shows a page at the end of its document, or in the place of an earlier try; `onAgain` is for one that failed. */
  add({ document: id, page, rendered }, title, onAgain) {
    const section = this.#template.content.firstElementChild.cloneNode(true);
    section.querySelector("h2").textContent = title;
    section.querySelector(".notes").append(...(page.warnings ?? []).filter((one) => !isFinding(one)).map(note));
    if (page.status === "failed") fail(section, page, onAgain);
    else this.#fill(section, page, rendered);
    const earlier = this.#sections.get(`${id} ${page.page}`);
    this.#sections.set(`${id} ${page.page}`, section);
    if (earlier) earlier.replaceWith(section);
    else this.#group(id).append(section);
  }

  #group(id) {
    if (!this.#sections.has(id)) this.#sections.set(id, this.#root.appendChild(element("div")));
    return this.#sections.get(id);
  }

  #fill(section, page, rendered) {
    const [blocks, findings] = [page.blocks ?? [], findingsOf(page)];
    const [sheet, text] = [section.querySelector(".sheet"), section.querySelector(".text")];
    section.querySelector(".quiet").textContent = `${page.width} × ${page.height} px · ${page.seconds.toFixed(2)} s`;
    section.style.setProperty("--ratio", page.width / page.height);
    section.querySelector("img").alt = `Picture of page ${page.page}`;
    const boxes = sheet.querySelector("svg");
    boxes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    boxes.setAttribute("aria-label", `Boxes on page ${page.page}`);
    text.setAttribute("aria-label", `Text of page ${page.page}`);
    // What is inside of another box must be on top of it, or it could not be pointed at.
    boxes.append(...blocks.map(box).sort((one, other) => areaOf(other) - areaOf(one)));
    text.append(...blocks.map((block, n) => passage(block, n, rendered[n], page)));
    if (!blocks.length) text.append(element("p", { class: "quiet" }, "No content on this page."));
    compared(section, page, findings);
    for (const side of [boxes, text]) side.querySelector('[data-n="0"]')?.setAttribute("tabindex", "0");
    if (page.image) {
      this.#pictures.set(section, { blob: new Blob([bytesOf(page.image)], { type: "image/jpeg" }), url: null });
      this.#near.observe(section);
    }
  }

  #picture(section, near) {
    const picture = this.#pictures.get(section);
    if (!section.isConnected) this.#forget(section);
    else if (near && !picture.url) {
      picture.url = URL.createObjectURL(picture.blob);
      section.querySelector(".sheet img").src = picture.url;
      for (const crop of section.querySelectorAll("image")) crop.setAttribute("href", picture.url);
    } else if (!near && picture.url) {
      section.querySelector(".sheet img").removeAttribute("src");
      for (const crop of section.querySelectorAll("image")) crop.removeAttribute("href");
      URL.revokeObjectURL(picture.url);
      picture.url = null;
    }
  }

  #forget(section) {
    this.#near.unobserve(section);
    URL.revokeObjectURL(this.#pictures.get(section)?.url);
    this.#pictures.delete(section);
  }

  #light(block) {
    for (const one of this.#lit) one.classList.remove("lit");
    if (block?.dataset.f) this.#lit = [...block.closest(".page").querySelectorAll(`[data-f="${block.dataset.f}"]`)];
    else this.#lit = block ? [block, twinOf(block)] : [];
    for (const one of this.#lit) one.classList.add("lit");
  }

  #key(event) {
    const block = event.target;
    if (!block.matches("[data-n]")) return;
    const step = STEPS[event.key];
    const next = step && siblingOf(block, Number(block.dataset.n) + step);
    if (next) {
      block.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") reveal(twinOf(block));
    if (step || event.key === "Enter" || event.key === " ") event.preventDefault();
  }
}

const findingAt = (target) => target.closest?.("[data-f]");
const passageOf = (finding) => finding.closest(".page").querySelector(`.text [data-f="${finding.dataset.f}"]`);
const blockAt = (target) => target.closest?.("[data-n]");
const focused = () => blockAt(document.activeElement);
const sideOf = (block) => block.closest("svg[role], .text");
const siblingOf = (block, n) => sideOf(block).querySelector(`[data-n="${n}"]`);
const areaOf = (rect) => rect.getAttribute("width") * rect.getAttribute("height");

function twinOf(block) {
  const other = block.matches("rect") ? ".text" : "svg[role]";
  return block.closest(".page").querySelector(`${other} [data-n="${block.dataset.n}"]`);
}

function reveal(block) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  block.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  block.focus({ preventScroll: true });
}

function box({ label, bbox: [x, y, right, bottom] }, n) {
  const place = { x, y, width: right - x, height: bottom - y };
  const name = `${n + 1}: ${called(label)}`;
  const attributes = { "data-n": n, "data-kind": kindOf(label), tabindex: -1, role: "button", "aria-label": name };
  return element("rect", { ...place, ...attributes }, element("title", {}, name));
}

function passage({ label, bbox, confidence }, n, html, page) {
  const name = called(label);
  const attributes = { "data-n": n, "data-kind": kindOf(label), "data-label": name, tabindex: -1, role: "group" };
  const content = element("div", { class: "content" });
  content.innerHTML = html; // by the worker's sanitiser; the page's Content-Security-Policy lets nothing in it run
  const figure = content.querySelector("figure");
  if (figure) figure.prepend(crop(bbox, page));
  else if (!html) content.append(element("p", { class: "quiet" }, "no text"));
  if (confidence === undefined) return element("div", { class: "block", ...attributes, "aria-label": name }, content);
  const number = confidence === 1 ? "1" : confidence.toFixed(2);
  const shown = element("span", { class: confidence < LOW ? "confidence low" : "confidence", title: "Confidence" }, number);
  return element("div", { class: "block", ...attributes, "aria-label": `${name}, confidence ${number}` }, content, shown);
}

// --------------------------------------------------------------------------- a second reading

/** Shows how the page was compared, and each finding in a list, on the picture and in the text. */
function compared(section, page, findings) {
  if (page.verified === undefined) return;
  section.classList.toggle("found", findings.length > 0);
  const share = page.ink_coverage === undefined ? "" : `, ${Math.floor(page.ink_coverage * 1000) / 10} % of the ink in blocks`;
  const count = findings.length === 1 ? "1 finding" : `${findings.length || "no"} findings`;
  const summary = page.verified ? `second reading: ${count}${share}` : "not compared: no second reading of this page";
  section.querySelector(".head").append(element("p", { class: page.verified ? "quiet" : "unverified" }, summary));
  if (!findings.length) return;
  section.querySelector(".head").after(element("ol", { class: "findings" }, ...findings.map(item)));
  const boxes = section.querySelector("svg[role]");
  const places = [];
  boxes.append(...findings.filter(({ bbox }) => bbox).map((finding) => findingBox(finding, page.width / BADGES, places)));
  for (const finding of findings) inText(section.querySelector(".text"), finding, page.blocks ?? []);
}

const badge = (number) => element("button", { class: "badge", type: "button", "aria-label": `Finding ${number}` }, `${number}`);

function item({ number, kind, message, code }) {
  const line = element("span", {}, `${message.replace("; look at the page", "")} `, element("code", {}, code));
  return element("li", { class: kind, "data-f": number }, badge(number), line);
}

/** A box with the finding's number, which must not cover another number. */
function findingBox({ number, kind, bbox: [left, top, right, bottom], message }, radius, places) {
  let [x, y] = [Math.max(radius, left - radius / 2), Math.max(radius, top)];
  while (places.some(([one, other]) => Math.abs(x - one) < 2 * radius && Math.abs(y - other) < 2 * radius)) x += 2.1 * radius;
  places.push([x, y]);
  const place = { x: left, y: top, width: right - left, height: bottom - top };
  return element("g", { class: kind, "data-f": number },
    element("rect", { class: "finding", ...place }),
    element("g", { class: "badge" }, element("title", {}, message), element("circle", { cx: x, cy: y, r: radius }),
      element("text", { x, y, "font-size": 1.25 * radius }, `${number}`)));
}

/** Marks the words of the finding, or puts a note where the text of the page is missing. */
function inText(text, finding, blocks) {
  const block = finding.block < 0 ? null : text.querySelector(`[data-n="${finding.block}"]`);
  block?.classList.add("found");
  if (block && !finding.lead && markWords(block.querySelector(".content"), finding)) {
    passageOf(block.querySelector(`[data-f="${finding.number}"]`)).prepend(badge(finding.number));
    return;
  }
  const words = finding.text ?? "text that could not be read";
  const lead = element("b", {}, finding.lead || "In this block:");
  const absent = element("p", { class: `absent ${finding.kind}`, "data-f": finding.number }, badge(finding.number), lead, ` ${words}`);
  if (block) return block.append(absent);
  const above = finding.bbox ? blockAbove(finding.bbox, blocks) : -1;
  let place = above < 0 ? null : text.querySelector(`[data-n="${above}"]`);
  while (place?.nextElementSibling?.matches(".absent")) place = place.nextElementSibling;
  if (place) place.after(absent);
  else text.prepend(absent);
}

function crop([x, y, right, bottom], page) {
  const view = { viewBox: `${x} ${y} ${right - x} ${bottom - y}`, width: right - x, role: "img", "aria-label": "Figure" };
  return element("svg", view, element("image", { width: page.width, height: page.height }));
}

function note({ code, message }) {
  return element("li", {}, `${message} `, element("code", {}, code));
}

function fail(section, { page, error }, onAgain) {
  section.classList.add("failed");
  section.querySelector("h2").append(" could not be read");
  const advice = error.retryable ? "Trying again may help." : "Trying again will not help.";
  const again = element("button", { class: "button", type: "button" }, "Read this page again");
  again.addEventListener("click", () => onAgain(again));
  const remedy = element("p", { class: "quiet" }, element("code", {}, error.code), ` ${advice}`);
  const card = element("div", { class: "card problem" }, element("p", { class: "detail" }, error.message), remedy);
  if (error.retryable && page && onAgain) card.append(again);
  section.querySelector(".sheet").replaceWith(card);
  section.querySelector(".text").remove();
}
