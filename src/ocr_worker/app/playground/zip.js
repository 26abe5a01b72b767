// A zip file of files in memory. Nothing is compressed: pictures are already, and text is small beside them.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});
const UTF8_NAMES = 0x0800;
const VERSION = 20; // 2.0, the first with folders
const DATE = 0x21; // 1980-01-01, the first day that the format knows

/** Returns the parts of a Blob. files: [name, text or bytes]. Names have to be safe: see `safeName`. */
export function zip(files) {
  const encoder = new TextEncoder();
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, content] of files) {
    const [nameBytes, data] = [encoder.encode(name), typeof content === "string" ? encoder.encode(content) : content];
    const facts = [VERSION, UTF8_NAMES, 0, 0, DATE, [crc32(data)], [data.length], [data.length], nameBytes.length, 0];
    const header = record([0x04034b50], ...facts);
    parts.push(header, nameBytes, data);
    directory.push(record([0x02014b50], VERSION, ...facts, 0, 0, 0, [0], [offset]), nameBytes);
    offset += header.length + nameBytes.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  return [...parts, ...directory, record([0x06054b50], 0, 0, count, count, [size], [offset], 0)];
}

/** Returns a name that is one step of a path on any system. */
export function safeName(name) {
  const step = name.replace(/[\x00-\x1f\x7f-\x9f<>:"|?*/\\]/g, "_").slice(-100);
  return step.replace(/^[. ]|[. ]$|^$/g, "_");
}

/** Little-endian bytes: a number has 16 bits, and a number in brackets 32. */
function record(...values) {
  const view = new DataView(new ArrayBuffer(values.reduce((sum, value) => sum + (value.length ? 4 : 2), 0)));
  let at = 0;
  for (const value of values) {
    if (value.length) view.setUint32(at, value[0], true);
    else view.setUint16(at, value, true);
    at += value.length ? 4 : 2;
  }
  return new Uint8Array(view.buffer);
}

function crc32(data) {
  let crc = -1;
  for (const byte of data) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
