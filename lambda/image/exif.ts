// The two EXIF fields that may stay when all else goes: who holds the rights, and who made it.

/** Tags of IFD0. https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf, section 4.6.4 */
const TAGS: Readonly<Record<number, string>> = { 315: 'Artist', 33432: 'Copyright' };
const ASCII = 2;

/** Reads Copyright and Artist of an EXIF block as sharp hands it out. Whatever is damaged is left out. */
export function copyrightOf(exif: Buffer): Record<string, string> {
  const tiff = exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
  if (tiff.length < 8) return {};
  const little = tiff.toString('latin1', 0, 2) === 'II';
  const short = (at: number): number =>
    at + 2 > tiff.length ? 0 : little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at);
  const long = (at: number): number =>
    at + 4 > tiff.length ? 0 : little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at);
  const found: Record<string, string> = {};
  const directory = long(4);
  for (let entry = 0; entry < short(directory); entry += 1) {
    const at = directory + 2 + entry * 12;
    const name = TAGS[short(at)];
    if (name === undefined || short(at + 2) !== ASCII) continue;
    const length = long(at + 4);
    const start = length <= 4 ? at + 8 : long(at + 8);
    // Photographer and editor are two strings in one field, apart by a NUL.
    const text = tiff
      .toString('utf8', start, Math.min(start + length, tiff.length))
      .split('\0')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .join('; ');
    if (text !== '') found[name] = text;
  }
  return found;
}
