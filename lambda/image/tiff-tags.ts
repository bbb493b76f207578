// The directories of a TIFF, and of what is built like one: EXIF blocks and camera raw files.

/** TIFF tags that are asked for. TIFF 6.0, TIFF/EP (ISO 12234-2), EXIF 2.32 and the DNG specification. */
export const TAG = {
  subfileType: 254,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samplesPerPixel: 277,
  planarConfiguration: 284,
  artist: 315,
  tileWidth: 322,
  subIfds: 330,
  sampleFormat: 339,
  thumbnailAt: 513,
  thumbnailBytes: 514,
  copyright: 33_432,
  exif: 34_665,
  gps: 34_853,
  dngVersion: 50_706,
} as const;

/** Bytes of one value, by field type. TIFF 6.0, section 2; 129 is EXIF 3.0's UTF-8. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4 };

export interface Tiff {
  readonly body: Buffer;
  readonly little: boolean;
}

export interface Tag {
  /** Its first value, when that is a number that fits into the entry; else where its values are. */
  readonly value: number;
  readonly count: number;
  readonly type: number;
  /** Where in the file its entry has the value, or the place of the values. */
  readonly at: number;
}

export type Directory = ReadonlyMap<number, Tag>;

/** Also under the makers' variations of TIFF's beginning. */
export function tiffOf(body: Buffer): Tiff | undefined {
  const order = body.toString('latin1', 0, 2);
  if (body.length < 14 || (order !== 'II' && order !== 'MM')) return undefined;
  return { body, little: order === 'II' };
}

/** Whether a TIFF has 64-bit places: its directories have another shape. */
export function isBigTiff(body: Buffer): boolean {
  return body[2] !== 42 && body[3] !== 42;
}

function u16({ body, little }: Tiff, at: number): number {
  return little ? body.readUInt16LE(at) : body.readUInt16BE(at);
}

function u32({ body, little }: Tiff, at: number): number {
  return little ? body.readUInt32LE(at) : body.readUInt32BE(at);
}

/** The first directory, those after it, and those below it. At most a few dozen: a file may lead in circles. */
export function directories(tiff: Tiff): Directory[] {
  const found: Directory[] = [];
  const seen = new Set<number>();
  const queue = [u32(tiff, 4)];
  for (let at = queue.shift(); at !== undefined && found.length < 32; at = queue.shift()) {
    if (at < 8 || at + 2 > tiff.body.length || seen.has(at)) continue;
    seen.add(at);
    const read = directoryAt(tiff, at);
    if (read === undefined) continue;
    const { tags, end } = read;
    found.push(tags);
    for (const pointer of [TAG.subIfds, TAG.exif, TAG.gps]) queue.push(...placesOf(tiff, tags.get(pointer)));
    if (end + 4 <= tiff.body.length) queue.push(u32(tiff, end));
  }
  return found;
}

/** The directories that follow one another, in the file's order: as libtiff counts them. Answers none of what leads in circles. */
export function chainOf(tiff: Tiff): Directory[] {
  const found: Directory[] = [];
  const seen = new Set<number>();
  for (let at = u32(tiff, 4); at >= 8 && at + 2 <= tiff.body.length && !seen.has(at); ) {
    seen.add(at);
    const read = directoryAt(tiff, at);
    if (read === undefined) break;
    found.push(read.tags);
    at = read.end + 4 <= tiff.body.length ? u32(tiff, read.end) : 0;
  }
  return found;
}

/** The entries of a directory, and where they end; undefined where they end outside the file. */
function directoryAt(tiff: Tiff, at: number): { readonly tags: Directory; readonly end: number } | undefined {
  const end = at + 2 + u16(tiff, at) * 12;
  if (end > tiff.body.length) return undefined;
  const tags = new Map<number, Tag>();
  for (let entry = at + 2; entry < end; entry += 12) {
    const type = u16(tiff, entry + 2);
    const count = u32(tiff, entry + 4);
    // More than two of two bytes do not fit: then it is the place of the values.
    const value = type === 3 && count <= 2 ? u16(tiff, entry + 8) : u32(tiff, entry + 8);
    tags.set(u16(tiff, entry), { type, value, count, at: entry + 8 });
  }
  return { tags, end };
}

function placesOf(tiff: Tiff, below: Tag | undefined): number[] {
  const places: number[] = [];
  for (let place = 0; below !== undefined && place < Math.min(below.count, 8); place++) {
    const list = below.count === 1 ? below.at : below.value + place * 4;
    if (list + 4 <= tiff.body.length) places.push(u32(tiff, list));
  }
  return places;
}

/** The numbers of a tag, for example the bits of each channel. What lies outside the file is left out. */
export function valuesOf(tiff: Tiff, { type, count, at, value }: Tag): number[] {
  const bytes = TYPE_BYTES[type] ?? 1;
  const start = bytes * count <= 4 ? at : value;
  return Array.from({ length: Math.min(count, 64) }, (_, place) => start + place * bytes)
    .filter((where) => where + bytes <= tiff.body.length)
    .map((where) => (bytes === 2 ? u16(tiff, where) : bytes === 4 ? u32(tiff, where) : (tiff.body[where] ?? 0)));
}

/** The bytes of a tag's values, as they are. */
export function bytesOf({ body }: Tiff, { type, count, at, value }: Tag): Buffer {
  const length = (TYPE_BYTES[type] ?? 1) * count;
  const start = length <= 4 ? at : value;
  return body.subarray(start, start + length);
}

/** Where the last byte is that a directory speaks of: the length of an EXIF block that may stand in a longer file. */
export function extentOf(tiff: Tiff): number {
  let end = 8;
  for (const tags of directories(tiff)) {
    const entries = [...tags.values()];
    // After the entries, the place of the next directory.
    end = Math.max(end, ...entries.map(({ at }) => at + 8));
    for (const tag of entries) {
      const length = (TYPE_BYTES[tag.type] ?? 1) * tag.count;
      if (length > 4) end = Math.max(end, tag.value + length);
    }
    const [at, bytes] = [tags.get(TAG.thumbnailAt), tags.get(TAG.thumbnailBytes)];
    if (at !== undefined && bytes !== undefined) end = Math.max(end, at.value + bytes.value);
  }
  return Math.min(end, tiff.body.length);
}
