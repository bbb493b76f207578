// Camera raw files: the largest JPEG that the camera put beside the sensor's data, turned as the camera was held.
import { directories, TAG, tiffOf } from '../tiff-tags.ts';
import { type Decoded, type Decoder, notRead } from './decoder.ts';

const TITLE = 'camera raw';

export const raw: Decoder = {
  format: 'raw',
  title: TITLE,
  same: 'jpeg',
  contentType: 'application/octet-stream',
  takes: (body) => isRaw(body),
  decode: async (body): Promise<Decoded> => {
    const found = largestJpeg(body);
    if (found === undefined) throw notRead(TITLE, 'no JPEG in it', 'a preview that the camera made');
    const turned = orientationOf(found) === undefined ? withOrientation(found, containerOrientation(body)) : found;
    return { body: turned, format: 'jpeg', pages: 1, preview: true };
  },
};

/** Makers' own beginnings: Olympus, Panasonic, Fujifilm, Canon CR2. Others look like TIFF and are told by what is in it. */
const MAGIC: readonly (readonly [offset: number, text: string])[] = [
  [0, 'IIRO'],
  [0, 'IIRS'],
  [0, 'MMOR'],
  [0, 'IIU\0'],
  [0, 'FUJIFILMCCD-RAW'],
  [8, 'CR\x02\0'],
];

/** Sensor data: colour filter array, linear raw. */
const SENSOR = new Set([32_803, 34_892]);

function isRaw(body: Buffer): boolean {
  if (MAGIC.some(([at, text]) => body.toString('latin1', at, at + text.length) === text)) return true;
  if (body.toString('latin1', 4, 12) === 'ftypcrx ') return true;
  const tiff = tiffOf(body);
  if (tiff === undefined) return false;
  return directories(tiff).some(
    (tags) => tags.has(TAG.dngVersion) || SENSOR.has(tags.get(TAG.photometric)?.value ?? 0),
  );
}

/** The JPEG of the most pixels among all in the file, sensor data that is lossless JPEG left out. */
function largestJpeg(body: Buffer): Buffer | undefined {
  let largest: { readonly pixels: number; readonly at: number } | undefined;
  for (let at = body.indexOf(START); at >= 0; at = body.indexOf(START, at + 3)) {
    const pixels = pixelsOfJpeg(body, at);
    if (pixels > (largest?.pixels ?? 0)) largest = { pixels, at };
  }
  return largest && body.subarray(largest.at);
}

const START = Buffer.from([0xff, 0xd8, 0xff]);

/** Width times height of a baseline or progressive JPEG of 8 bits that begins here; else 0. ITU-T T.81, annex B. */
function pixelsOfJpeg(body: Buffer, start: number): number {
  let at = start + 2;
  while (at + 10 <= body.length && body[at] === 0xff) {
    const marker = body[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xc2) {
      const components = body[at + 9] ?? 0;
      const plain = body[at + 4] === 8 && (components === 1 || components === 3);
      return plain ? body.readUInt16BE(at + 5) * body.readUInt16BE(at + 7) : 0;
    }
    // Lossless and other frames, a scan or an end before any frame: nothing to look at.
    if (marker < 0xc0 || (marker > 0xc2 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xcc)) return 0;
    if (marker === 0xda || marker === 0xd9) return 0;
    at += 2 + body.readUInt16BE(at + 2);
  }
  return 0;
}

/** What the JPEG's own EXIF says of its orientation. */
function orientationOf(jpeg: Buffer): number | undefined {
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff && jpeg[at + 1] !== 0xda) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] === 0xe1 && jpeg.toString('latin1', at + 4, at + 10) === 'Exif\0\0') {
      return orientationOfTiff(jpeg.subarray(at + 10, end));
    }
    at = end;
  }
  return undefined;
}

function orientationOfTiff(body: Buffer): number | undefined {
  const tiff = tiffOf(body);
  const value = tiff && directories(tiff)[0]?.get(TAG.orientation)?.value;
  return value !== undefined && value >= 1 && value <= 8 ? value : undefined;
}

/** How the camera was held, as the container says it: TIFF's first directory, or that of Canon's CMT1 box. */
function containerOrientation(body: Buffer): number {
  const box = body.subarray(0, 1024 * 1024).indexOf('CMT1');
  return orientationOfTiff(box > 0 ? body.subarray(box + 4) : body) ?? 1;
}

/** The JPEG with an EXIF block of its orientation before everything else. */
function withOrientation(jpeg: Buffer, orientation: number): Buffer {
  if (orientation === 1) return jpeg;
  const exif = Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0', 'latin1');
  exif[25] = orientation;
  const head = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([head, exif, jpeg.subarray(2)]);
}
