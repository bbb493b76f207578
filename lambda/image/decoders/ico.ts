// Icons and cursors of Windows: the pictures in the file, the largest first.
import { pixelsOf } from './bmp.ts';
import { pngOf } from './carrier.ts';
import { type Decoded, type Decoder, damaged, endsEarly } from './decoder.ts';

const TITLE = 'ICO';
const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** https://learn.microsoft.com/en-us/previous-versions/ms997538(v=msdn.10) */
const [DIRECTORY_BYTES, ENTRY_BYTES] = [6, 16];

interface Entry {
  readonly side: number;
  readonly bits: number;
  readonly bytes: number;
  readonly at: number;
}

export const ico: Decoder = {
  format: 'ico',
  title: TITLE,
  same: 'png',
  contentType: 'image/vnd.microsoft.icon',
  takes: (body) =>
    body.length > 22 && [1, 2].includes(body.readUInt16LE(2)) && body.readUInt16LE(0) === 0 && plausible(body),
  decode: async (body, allow, { page }): Promise<Decoded> => {
    const entries = entriesOf(body);
    const largest = entries.toSorted((a, b) => b.side - a.side || b.bits - a.bits)[page];
    if (largest === undefined) throw damaged(TITLE, 'no picture in it');
    const picture = body.subarray(largest.at, largest.at + largest.bytes);
    if (picture.length < largest.bytes) throw endsEarly(TITLE);
    const isPng = picture.subarray(0, PNG.length).equals(PNG);
    return {
      body: isPng ? picture : pngOf(pixelsOf(picture, undefined, allow, true)),
      format: 'png',
      pages: entries.length,
    };
  },
};

/** Four bytes of a signature are little: each entry must lie behind the directory, and its fourth byte is 0 by the format. */
function plausible(body: Buffer): boolean {
  const entries = entriesOf(body);
  const behind = DIRECTORY_BYTES + entries.length * ENTRY_BYTES;
  return entries.length > 0 && entries.every(({ at, bytes }) => at >= behind && bytes > 0 && at < 2 ** 31);
}

function entriesOf(body: Buffer): Entry[] {
  const count = Math.min(body.readUInt16LE(4), 256);
  const entries: Entry[] = [];
  for (let at = DIRECTORY_BYTES; entries.length < count && at + ENTRY_BYTES <= body.length; at += ENTRY_BYTES) {
    entries.push({
      // 0 stands for 256.
      side: (body[at] || 256) * (body[at + 1] || 256),
      // Of a cursor this is a coordinate, which only breaks ties here.
      bits: body.readUInt16LE(at + 6),
      bytes: body.readUInt32LE(at + 8),
      at: body.readUInt32LE(at + 12),
    });
  }
  return entries;
}
