// Image sequences in files of the HEIF kind (AVIF and HEIC animations): how many pictures, and how the first is opened.

interface Box {
  readonly type: string;
  readonly data: Buffer;
}

/** The boxes that stand in a piece of a file. Ends where one is damaged. ISO/IEC 14496-12, 4.2 */
function* boxesIn(body: Buffer): Generator<Box> {
  for (let at = 0; at + 8 <= body.length; ) {
    const size = body.readUInt32BE(at);
    const head = size === 1 ? 16 : 8;
    if (at + head > body.length) return;
    // 1: the length follows in 64 bits. 0: up to the end.
    const length = size === 1 ? Number(body.readBigUInt64BE(at + 8)) : size === 0 ? body.length - at : size;
    if (length < head) return;
    yield { type: body.toString('latin1', at + 4, at + 8), data: body.subarray(at + head, at + length) };
    at += length;
  }
}

function inside(body: Buffer, ...path: readonly string[]): Buffer | undefined {
  let found: Buffer | undefined = body;
  for (const type of path) {
    const box: Box | undefined = found === undefined ? undefined : [...boxesIn(found)].find((one) => one.type === type);
    found = box?.data;
  }
  return found;
}

/** Pictures in the longest track of pictures or video; 0 where there is none. Transparency has a track of its own, of another kind. */
export function sequenceLength(body: Buffer): number {
  const movie = inside(body, 'moov');
  if (movie === undefined) return 0;
  const lengths = [...boxesIn(movie)].flatMap(({ type, data }) => {
    if (type !== 'trak') return [];
    const handler = inside(data, 'mdia', 'hdlr')?.toString('latin1', 8, 12);
    const sizes = inside(data, 'mdia', 'minf', 'stbl', 'stsz');
    if ((handler !== 'pict' && handler !== 'vide') || sizes === undefined || sizes.length < 12) return [];
    return [sizes.readUInt32BE(8)];
  });
  return Math.max(0, ...lengths);
}

/**
 * A sequence that has a still picture in it as well, as that: libvips looks at the first brand only, and refuses it.
 * The same bytes for any other.
 */
export function asStill(body: Buffer): Buffer {
  if (body.toString('latin1', 4, 12) !== 'ftypavis' || inside(body, 'meta') === undefined) return body;
  const still = Buffer.from(body);
  still.write('avif', 8, 'latin1');
  return still;
}
