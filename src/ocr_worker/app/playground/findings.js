// Findings of a second reading: their places among the blocks, and their words in the text.

const KINDS = {
  TEXT_MISSED: ["missing", "On the page only:"], CUT: ["missing", "The page goes on:"],
  TEXT_UNSUPPORTED: ["extra", ""], REPEATED: ["extra", ""], NUMBERS_DIFFER: ["differs", ""],
};
const REPAIRED = new Set(["replaced", "inserted"]);
const MARGIN = 4; // pixels that a block's box may be too small

/** Returns each with its number, kind and lead, its words in the result, and the index of its block, or -1. */
export function findingsOf({ warnings = [], blocks }) {
  return warnings.filter(({ code }) => code in KINDS).map((warning, index) => {
    const isRepaired = REPAIRED.has(warning.repair?.outcome);
    const [kind, lead] = isRepaired ? ["repaired", ""] : KINDS[warning.code];
    const words = isRepaired ? warning.repair.after : warning.code === "NUMBERS_DIFFER" ? warning.text?.split(" / ")[0] : warning.text;
    return { ...warning, number: index + 1, kind, lead, words, block: blockAt(warning.bbox, blocks ?? []) };
  });
}

export const isFinding = ({ code }) => code in KINDS;

/** The block with this very box, or the smallest around its middle; -1: none. */
function blockAt(bbox, blocks) {
  if (!bbox) return -1;
  const [x, y] = [(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2];
  const around = [...blocks.keys()].filter((n) => {
    const [x0, y0, x1, y1] = blocks[n].bbox;
    return x0 - MARGIN <= x && x <= x1 + MARGIN && y0 - MARGIN <= y && y <= y1 + MARGIN;
  });
  const same = around.filter((n) => `${blocks[n].bbox}` === `${bbox}`);
  const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  return (same.length ? same : around).sort((one, other) => area(blocks[one].bbox) - area(blocks[other].bbox))[0] ?? -1;
}

/** The block whose lower edge is nearest above the box, beside it if it can be; -1: there is none. */
export function blockAbove([left, top, right], blocks) {
  const above = [...blocks.keys()].filter((n) => blocks[n].bbox[3] <= top + MARGIN);
  const beside = above.filter((n) => blocks[n].bbox[0] < right && left < blocks[n].bbox[2]);
  return (beside.length ? beside : above).sort((one, other) => blocks[other].bbox[3] - blocks[one].bbox[3])[0] ?? -1;
}

/** The letters and digits of a text, as the second reading compares them. */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** Wraps the words of a finding, which tags may divide, in marks. Returns whether they are there. */
export function markWords(root, { code, words: text, number, kind }) {
  const words = plain(text ?? "");
  if (!words) return false;
  const owners = lettersOf(root);
  const letters = owners.map(({ letter }) => letter).join("");
  const starts = [];
  for (let at = letters.indexOf(words); at >= 0; at = letters.indexOf(words, at + 1)) starts.push(at);
  const free = starts.filter((at) => owners.slice(at, at + words.length).every(({ node }) => !node.parentElement.closest("mark")));
  const numbers = /^\p{N}+$/u.test(words) ? free.filter((at) => isNumber(owners[at], owners[at + words.length - 1])) : [];
  const start = (numbers.length ? numbers : free).at(code === "REPEATED" ? -1 : 0);
  if (start === undefined) return false;
  wrap(owners.slice(start, start + words.length), number, kind);
  return true;
}

/** For each letter of the text: its node and where in it the character is. */
function lettersOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const owners = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    let at = 0;
    for (const character of node.data) {
      for (const letter of plain(character).split("")) owners.push({ letter, node, at, end: at + character.length });
      at += character.length;
    }
  }
  return owners;
}

const isNumber = (first, last) => !/\p{N}$/u.test(first.node.data.slice(0, first.at)) && !/^\p{N}/u.test(last.node.data.slice(last.end));

function wrap(owners, number, kind) {
  const ends = new Map(); // node -> its first and last letter
  for (const owner of owners) ends.set(owner.node, [ends.get(owner.node)?.[0] ?? owner, owner]);
  for (const [node, [first, last]] of ends) {
    const range = document.createRange();
    range.setStart(node, first.at);
    range.setEnd(node, last.end);
    const mark = document.createElement("mark");
    mark.className = kind;
    mark.dataset.f = number;
    range.surroundContents(mark);
  }
}
