// What a WebP file carries besides pixels, moved from one file to another: raw pixels of an animation cannot bring it along.

/** Chunks of metadata, with their flags in VP8X. https://developers.google.com/speed/webp/docs/riff_container */
const CARRIED: { readonly [name: string]: number } = { ICCP: 0x20, EXIF: 0x08, 'XMP ': 0x04 };
const HEADER = 12;

interface Chunk {
  readonly name: string;
  /** With its header and padding. */
  readonly bytes: Buffer;
}

function chunksOf(body: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = HEADER; at + 8 <= body.length; ) {
    const length = body.readUInt32LE(at + 4);
    const end = at + 8 + length + (length % 2);
    chunks.push({ name: body.toString('latin1', at, at + 4), bytes: body.subarray(at, end) });
    at = end;
  }
  return chunks;
}

/** The file with the profile, EXIF and XMP of another in place of its own. It must be an extended file, as every animation is. */
export function withMetadataOf(body: Buffer, donor: Buffer): Buffer {
  const carried = chunksOf(donor).filter(({ name }) => Object.hasOwn(CARRIED, name));
  const own = chunksOf(body).filter(({ name }) => !Object.hasOwn(CARRIED, name));
  const [extended, ...pixels] = own;
  if (extended?.name !== 'VP8X' || carried.length === 0) return body;
  const header = Buffer.from(extended.bytes);
  const flags = Object.values(CARRIED).reduce((all, flag) => all | flag, 0);
  header[8] = ((header[8] ?? 0) & ~flags) | carried.reduce((all, { name }) => all | (CARRIED[name] ?? 0), 0);
  const before = carried.filter(({ name }) => name === 'ICCP');
  const after = carried.filter(({ name }) => name !== 'ICCP').sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts = [header, ...[...before].map(({ bytes }) => bytes), ...pixels.map(({ bytes }) => bytes)];
  const whole = Buffer.concat([body.subarray(0, HEADER), ...parts, ...after.map(({ bytes }) => bytes)]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** Whether no frame of a WebP is lossy. */
export function isLosslessWebp(body: Buffer): boolean {
  const names = chunksOf(body).flatMap(({ name, bytes }) => (name === 'ANMF' ? subChunks(bytes) : [name]));
  return names.includes('VP8L') && !names.includes('VP8 ');
}

/** Names of the chunks within a frame, after its header of 16 bytes. */
function subChunks(frame: Buffer): string[] {
  return chunksOf(frame.subarray(8 + 16 - HEADER)).map(({ name }) => name);
}
