// Whether a file holds nothing but its picture: what is handed on under `metadata: "strip"` is parsed to its last byte, and what is not known is not clean.

/** Formats of which all is parsed. Others are never called clean: TIFF and AVIF may hold bytes that no table speaks of. */
const PARSERS: Readonly<Record<string, (body: Buffer) => boolean>> = {
  jpeg: jpegIsClean,
  png: pngIsClean,
  webp: webpIsClean,
  gif: gifIsClean,
};

/** Whether there is nothing in the file but pixels, what decoding them needs, and a colour profile. */
export function isClean(body: Buffer, format: string): boolean {
  try {
    return PARSERS[format]?.(body) ?? false;
  } catch {
    // Read past the end: a length that lies.
    return false;
  }
}

/** Segments by ITU-T T.81, annex B; of the application segments those without a word of their own. */
function jpegIsClean(body: Buffer): boolean {
  let at = 2;
  for (;;) {
    if (body[at] !== 0xff) return false;
    const marker = body[at + 1] ?? 0;
    // The end, and it must be the end of the file.
    if (marker === 0xd9) return at + 2 === body.length;
    const length = body.readUInt16BE(at + 2);
    const content = body.subarray(at + 4, at + 2 + length);
    if (length < 2 || content.length !== length - 2 || !segmentIsClean(marker, content)) return false;
    at += 2 + length;
    if (marker === 0xda) at = endOfScan(body, at);
  }
}

const FRAMES = [0xc0, 0xc1, 0xc2, 0xc9, 0xca];
/** DHT, DAC, DQT, DNL, DRI, SOS. */
const TABLES = [0xc4, 0xcc, 0xdb, 0xdc, 0xdd, 0xda];

function segmentIsClean(marker: number, content: Buffer): boolean {
  if (FRAMES.includes(marker) || TABLES.includes(marker)) return true;
  const starts = (name: string): boolean => content.toString('latin1', 0, name.length) === name;
  // JFIF without a thumbnail, a colour profile, and Adobe's word on the colour transform.
  if (marker === 0xe0) return starts('JFIF\0') && content.length === 14 && content[12] === 0 && content[13] === 0;
  if (marker === 0xe2) return starts('ICC_PROFILE\0');
  return marker === 0xee && starts('Adobe') && content.length === 12;
}

/** After the entropy-coded data: the next marker that is neither a stuffed byte nor a restart. */
function endOfScan(body: Buffer, start: number): number {
  for (let at = body.indexOf(0xff, start); at >= 0; at = body.indexOf(0xff, at + 1)) {
    const next = body[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return body.length;
}

/** https://www.w3.org/TR/png-3/#11Chunks */
const PNG_CHUNKS = new Set(
  'IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT acTL fcTL fdAT'.split(' '),
);

function pngIsClean(body: Buffer): boolean {
  for (let at = 8; at < body.length; ) {
    const length = body.readUInt32BE(at);
    const type = body.toString('latin1', at + 4, at + 8);
    if (!PNG_CHUNKS.has(type)) return false;
    at += 12 + length;
    if (type === 'IEND') return length === 0 && at === body.length;
  }
  return false;
}

/** https://developers.google.com/speed/webp/docs/riff_container */
const WEBP_CHUNKS = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']);

function webpIsClean(body: Buffer): boolean {
  const end = 8 + body.readUInt32LE(4);
  return end === body.length && chunksAreClean(body.subarray(12), WEBP_CHUNKS);
}

function chunksAreClean(body: Buffer, known: ReadonlySet<string>): boolean {
  let at = 0;
  while (at < body.length) {
    const type = body.toString('latin1', at, at + 4);
    const length = body.readUInt32LE(at + 4);
    if (!known.has(type)) return false;
    // A frame has 16 bytes of its own before the chunks in it.
    if (type === 'ANMF' && !chunksAreClean(body.subarray(at + 24, at + 8 + length), FRAME_CHUNKS)) return false;
    at += 8 + length + (length % 2);
  }
  return at === body.length;
}

const FRAME_CHUNKS = new Set(['VP8 ', 'VP8L', 'ALPH']);

/** https://www.w3.org/Graphics/GIF/spec-gif89a.txt */
function gifIsClean(body: Buffer): boolean {
  const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
  const afterBlocks = (start: number): number => {
    let at = start;
    while ((body[at] ?? 0) !== 0) at += (body[at] ?? 0) + 1;
    return at + 1;
  };
  let at = 13 + tableBytes(body[10] ?? 0);
  while (at < body.length) {
    const kind = body[at];
    if (kind === 0x3b) return at + 1 === body.length;
    if (kind === 0x2c) at = afterBlocks(at + 11 + tableBytes(body[at + 9] ?? 0));
    else if (kind === 0x21 && extensionIsClean(body, at)) at = afterBlocks(at + 2);
    else return false;
  }
  return false;
}

/** Graphic control, and the looping that browsers know; comments, plain text and other applications' blocks are words. */
function extensionIsClean(body: Buffer, at: number): boolean {
  if (body[at + 1] === 0xf9) return true;
  const loops = ['\x0bNETSCAPE2.0\x03\x01', '\x0bANIMEXTS1.0\x03\x01'];
  return body[at + 1] === 0xff && loops.includes(body.toString('latin1', at + 2, at + 16));
}
