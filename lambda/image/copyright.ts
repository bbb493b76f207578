// The two EXIF fields that may stay when all else goes: who holds the rights, and who made it. Letter for letter, and nothing beside them.
import { crc32 } from 'node:zlib';
import { bytesOf, directories, extentOf, TAG, type Tiff, tiffOf } from './tiff-tags.ts';

/** ASCII, and EXIF 3.0's UTF-8: in practice both hold UTF-8. https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf, 4.6.2 */
const TEXT_TYPES = [2, 129];
const ASCII = 2;

/** The bytes of the fields, without the NUL at their end. A NUL within parts photographer and editor. */
export interface Rights {
  readonly artist?: Buffer;
  readonly copyright?: Buffer;
}

const FIELDS = [
  { name: 'artist', tag: TAG.artist, exif: 'Artist' },
  { name: 'copyright', tag: TAG.copyright, exif: 'Copyright' },
] as const;

/** Reads the fields of an EXIF block as sharp hands it out. Whatever is damaged is left out. */
export function rightsOf(exif: Buffer): Rights {
  const tiff = tiffOf(exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif);
  const first = tiff && directories(tiff)[0];
  if (tiff === undefined || first === undefined) return {};
  const found: { -readonly [Field in keyof Rights]: Buffer } = {};
  for (const { name, tag } of FIELDS) {
    const field = first.get(tag);
    if (field === undefined || !TEXT_TYPES.includes(field.type)) continue;
    const bytes = bytesOf(tiff, field);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    if (end > 0 && bytes.length === field.count) found[name] = bytes.subarray(0, end);
  }
  return found;
}

/**
 * What sharp is told to write: text of the same length, since libvips would turn the real one into ASCII and cut what
 * stands in parentheses. `engraved` puts the real one in its place.
 */
export function placeholders(rights: Rights): Record<string, string> {
  const fields = FIELDS.flatMap(({ name, exif }) => {
    const bytes = rights[name];
    return bytes === undefined ? [] : [[exif, 'x'.repeat(bytes.length)] as const];
  });
  return Object.fromEntries(fields);
}

/**
 * The file with an EXIF block of nothing but the fields in place of the block that sharp has written, which holds tags of
 * its own and a thumbnail of the source. The block keeps its length, so nothing else of the file moves. A format
 * without EXIF comes back as it is.
 */
export function engraved(file: Buffer, rights: Rights): Buffer {
  const start = Object.keys(rights).length === 0 ? undefined : blockOf(file, rights);
  if (start === undefined) return file;
  const tiff = tiffOf(file.subarray(start)) as Tiff;
  const block = Buffer.alloc(extentOf(tiff));
  const made = blockWith(rights);
  if (made.length > block.length) return file;
  made.copy(block);
  const whole = Buffer.from(file);
  block.copy(whole, start);
  if (whole.toString('latin1', 1, 4) === 'PNG') signChunk(whole, start);
  return whole;
}

/** Where the TIFF header of the block with the placeholders stands. */
function blockOf(file: Buffer, rights: Rights): number | undefined {
  const wanted = placeholders(rights);
  for (const order of ['MM\0*\0\0\0\x08', 'II*\0\x08\0\0\0']) {
    const header = Buffer.from(order, 'latin1');
    for (let at = file.indexOf(header); at >= 0; at = file.indexOf(header, at + 1)) {
      const tiff = tiffOf(file.subarray(at));
      const first = tiff && directories(tiff)[0];
      const holds = FIELDS.every(({ tag, exif }) => {
        const [text, field] = [wanted[exif], first?.get(tag)];
        return (
          text === undefined || (tiff && field && bytesOf(tiff, field).toString('latin1', 0, text.length) === text)
        );
      });
      if (first !== undefined && holds) return at;
    }
  }
  return undefined;
}

/** An EXIF block with one directory: the fields, each with a NUL at its end. */
function blockWith(rights: Rights): Buffer {
  const fields = FIELDS.flatMap(({ name, tag }) => {
    const bytes = rights[name];
    return bytes === undefined ? [] : [{ tag, bytes: Buffer.concat([bytes, Buffer.alloc(1)]) }];
  });
  const head = Buffer.alloc(8 + 2 + fields.length * 12 + 4);
  head.write('MM\0*\0\0\0\x08', 'latin1');
  head.writeUInt16BE(fields.length, 8);
  const values: Buffer[] = [];
  let next = head.length;
  for (const [place, { tag, bytes }] of fields.entries()) {
    const at = 10 + place * 12;
    head.writeUInt16BE(tag, at);
    head.writeUInt16BE(ASCII, at + 2);
    head.writeUInt32BE(bytes.length, at + 4);
    if (bytes.length <= 4) {
      bytes.copy(head, at + 8);
    } else {
      head.writeUInt32BE(next, at + 8);
      values.push(bytes);
      next += bytes.length;
    }
  }
  return Buffer.concat([head, ...values]);
}

/** A PNG chunk's checksum covers its type and data. https://www.w3.org/TR/png-3/#5Chunk-layout */
function signChunk(file: Buffer, dataAt: number): void {
  const end = dataAt + file.readUInt32BE(dataAt - 8);
  file.writeUInt32BE(crc32(file.subarray(dataAt - 4, end)), end);
}
