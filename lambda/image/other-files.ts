// Files that people have beside their images, by content: so that they are refused by name.

type Magic = readonly [offset: number, bytes: string, what: string];

/** First match wins. Bytes are Latin-1. */
const MAGIC: readonly Magic[] = [
  [0, 'PK\x03\x04', 'a ZIP archive or office document'],
  [0, 'PK\x05\x06', 'an empty ZIP archive'],
  [0, 'Rar!\x1a\x07', 'a RAR archive'],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7z archive'],
  [257, 'ustar', 'a TAR archive'],
  [0, '\x28\xb5\x2f\xfd', 'a Zstandard archive'],
  [0, '\xfd7zXZ\0', 'an XZ archive'],
  [0, 'BZh', 'a bzip2 archive'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [4, 'moov', 'a QuickTime video'],
  [4, 'mdat', 'a QuickTime video'],
  [4, 'wide', 'a QuickTime video'],
  [0, '\x1a\x45\xdf\xa3', 'a Matroska or WebM video'],
  [8, 'AVI ', 'an AVI video'],
  [0, 'FLV\x01', 'a Flash video'],
  [0, '\0\0\x01\xba', 'an MPEG video'],
  [0, '\0\0\x01\xb3', 'an MPEG video'],
  [0, '\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'a Windows Media file'],
  [8, 'WAVE', 'a WAV sound'],
  [0, 'ID3', 'an MP3 sound'],
  [0, '\xff\xfb', 'an MP3 sound'],
  [0, 'OggS', 'an Ogg file'],
  [0, 'fLaC', 'a FLAC sound'],
  [0, '%!PS-Adobe', 'a PostScript file'],
  [0, '{\\rtf', 'an RTF document'],
  [0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an old office document'],
  [0, 'SQLite format 3\0', 'an SQLite database'],
  [0, '\x00\x05\x16\x07', 'an AppleDouble file (macOS)'],
  [0, '\0\0\0\x01Bud1', 'a folder of macOS (.DS_Store)'],
  [0, '<x:xmpmeta', 'an XMP sidecar'],
  [0, '<?xpacket', 'an XMP sidecar'],
  [0, '\x7fELF', 'a program'],
  [0, 'MZ', 'a program'],
  [0, '<!DOCTYPE html', 'an HTML page'],
  [0, '<!doctype html', 'an HTML page'],
  [0, '<html', 'an HTML page'],
];

/** Every name that a file is refused by, videos of the MP4 kind included. */
export const OTHER_FILES: ReadonlySet<string> = new Set([
  ...MAGIC.map(([, , what]) => what),
  'an MP4 video',
  'an MP4 sound',
  'a property list (AAE)',
]);

/** What a file is called that is no image, or none that anybody here reads; undefined for what nobody knows. */
export function otherFile(body: Buffer): string | undefined {
  const known = MAGIC.find(([at, bytes]) => body.toString('latin1', at, at + bytes.length) === bytes)?.[2];
  if (known !== undefined) return known;
  return /^\s*<\?xml[^>]*>[^<]*<!DOCTYPE plist/.test(body.toString('latin1', 0, 400))
    ? 'a property list (AAE)'
    : undefined;
}
