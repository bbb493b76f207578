// Small ICC profiles: sRGB's primaries with another tone curve. ICC.1:2001-04 (version 2).

/** Colorants of sRGB adapted to D50, and D50 itself, as in the profile of IEC 61966-2-1. */
const POINTS: Readonly<Record<string, readonly [number, number, number]>> = {
  wtpt: [0.9642, 1, 0.8249],
  rXYZ: [0.4361, 0.2225, 0.0139],
  gXYZ: [0.3851, 0.7169, 0.0971],
  bXYZ: [0.1431, 0.0606, 0.7141],
};
const HEADER_BYTES = 128;

/** A `curv` element of one exponent. Eight bits of fraction are all that it has. */
export function curveOfGamma(exponent: number): Buffer {
  const curve = Buffer.alloc(14);
  curve.write('curv', 'latin1');
  curve.writeUInt32BE(1, 8);
  curve.writeUInt16BE(Math.round(exponent * 256), 12);
  return curve;
}

/** The tone curve of a grey profile; undefined for a profile of another kind. */
export function greyCurve(icc: Buffer): Buffer | undefined {
  if (icc.length < HEADER_BYTES + 4 || icc.toString('latin1', 16, 20) !== 'GRAY') return undefined;
  const count = Math.min(icc.readUInt32BE(HEADER_BYTES), 100);
  for (let at = HEADER_BYTES + 4; at + 12 <= icc.length && at < HEADER_BYTES + 4 + count * 12; at += 12) {
    if (icc.toString('latin1', at, at + 4) !== 'kTRC') continue;
    const start = icc.readUInt32BE(at + 4);
    const curve = icc.subarray(start, start + icc.readUInt32BE(at + 8));
    return curve.length >= 12 ? curve : undefined;
  }
  return undefined;
}

/** An RGB profile with sRGB's primaries and this curve (`curv` or `para`) for each channel. */
export function rgbProfile(curve: Buffer): Buffer {
  const tags: (readonly [string, Buffer])[] = [
    ['desc', description('sRGB primaries')],
    ['cprt', text('No copyright')],
    ...Object.entries(POINTS).map(([name, point]) => [name, xyz(point)] as const),
    ...['rTRC', 'gTRC', 'bTRC'].map((name) => [name, curve] as const),
  ];
  const tableBytes = 4 + tags.length * 12;
  const table = Buffer.alloc(tableBytes);
  table.writeUInt32BE(tags.length, 0);
  const elements: Buffer[] = [];
  let at = HEADER_BYTES + tableBytes;
  for (const [place, [name, element]] of tags.entries()) {
    table.write(name, 4 + place * 12, 'latin1');
    table.writeUInt32BE(at, 8 + place * 12);
    table.writeUInt32BE(element.length, 12 + place * 12);
    const padded = Buffer.concat([element, Buffer.alloc((4 - (element.length % 4)) % 4)]);
    elements.push(padded);
    at += padded.length;
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(at, 0);
  // `para` curves came with version 4.
  header.writeUInt32BE(curve.toString('latin1', 0, 4) === 'para' ? 0x0420_0000 : 0x0210_0000, 8);
  header.write('mntrRGB XYZ ', 12, 'latin1');
  header.write('acsp', 36, 'latin1');
  for (const [place, value] of (POINTS['wtpt'] ?? []).entries()) header.writeInt32BE(fixed(value), 68 + place * 4);
  return Buffer.concat([header, table, ...elements]);
}

function fixed(value: number): number {
  return Math.round(value * 65_536);
}

function xyz(point: readonly number[]): Buffer {
  const element = Buffer.alloc(20);
  element.write('XYZ ', 'latin1');
  for (const [place, value] of point.entries()) element.writeInt32BE(fixed(value), 8 + place * 4);
  return element;
}

function text(words: string): Buffer {
  return Buffer.concat([Buffer.from('text\0\0\0\0', 'latin1'), Buffer.from(`${words}\0`, 'latin1')]);
}

function description(words: string): Buffer {
  const element = Buffer.alloc(12 + words.length + 1 + 78);
  element.write('desc', 'latin1');
  element.writeUInt32BE(words.length + 1, 8);
  element.write(words, 12, 'latin1');
  return element;
}
