// The header of an ordinary JPEG, as sharp tells it, without a way through its thread pool; what is out of the ordinary is left to sharp.
import type { Header } from './source-image.ts';

const EXIF = Buffer.from('Exif\0\0', 'latin1');
const XMP = Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1');
const ICC = Buffer.from('ICC_PROFILE\0', 'latin1');
const IPTC = Buffer.from('Photoshop 3.0\0', 'latin1');
const ADOBE = Buffer.from('Adobe', 'latin1');

/** IFD0's tag and type. https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf, section 4.6.4 */
const ORIENTATION = 274;
const SHORT = 3;

/**
 * Reads the header of a baseline or progressive JPEG of 8 bits, grey or in three components, with at most one block each
 * of EXIF, ICC and XMP that have nothing odd about them. Undefined for any other: the answer is sharp's or none.
 * Markers: ITU-T T.81, table B.1.
 */
export function ordinaryJpeg(body: Buffer): Header | undefined {
  const found: { exif?: Buffer; xmp?: Buffer; iptc?: Buffer; hasProfile: boolean; orientation?: number } = {
    hasProfile: false,
  };
  let frame: { readonly width: number; readonly height: number; readonly space: 'srgb' | 'b-w' } | undefined;
  for (let at = 2; ; ) {
    if (at + 4 > body.length || body[at] !== 0xff) return undefined;
    const marker = body[at + 1] as number;
    const end = at + 2 + body.readUInt16BE(at + 2);
    // From the first marker with a length to the scan: markers without one, fill bytes and lossless frames are not ordinary.
    if (marker < 0xc0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd9)) return undefined;
    if (end < at + 4 || end > body.length) return undefined;
    const segment = body.subarray(at + 4, end);
    if (marker === 0xda) break;
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xcc) {
      if (frame !== undefined || marker > 0xc2) return undefined;
      frame = frameOf(segment);
      if (frame === undefined) return undefined;
    } else if (marker === 0xe1 && starts(segment, EXIF)) {
      const orientation = orientationOf(segment.subarray(EXIF.length));
      if (found.exif !== undefined || orientation === undefined) return undefined;
      found.exif = segment;
      if (orientation > 0) found.orientation = orientation;
    } else if (marker === 0xe1) {
      if (found.xmp !== undefined || !starts(segment, XMP)) return undefined;
      found.xmp = segment;
    } else if (marker === 0xe2) {
      // Others are of files with several pictures, or with a gain map.
      if (!starts(segment, ICC)) return undefined;
      // One chunk of one, that says its own length.
      const profile = segment.subarray(ICC.length + 2);
      const whole = segment[ICC.length] === 1 && segment[ICC.length + 1] === 1 && profile.length >= 128;
      if (found.hasProfile || !whole || profile.readUInt32BE(0) !== profile.length) return undefined;
      found.hasProfile = true;
    } else if (marker === 0xed) {
      if (found.iptc !== undefined || !starts(segment, IPTC)) return undefined;
      found.iptc = segment;
    } else if (marker === 0xee && starts(segment, ADOBE)) return undefined;
    at = end;
  }
  if (frame === undefined) return undefined;
  const { width, height, space } = frame;
  const upright = (found.orientation ?? 1) >= 5 ? { width: height, height: width } : { width, height };
  return { width, height, autoOrient: upright, space, depth: 'uchar', hasAlpha: false, ...found };
}

function starts(segment: Buffer, name: Buffer): boolean {
  return segment.length > name.length && segment.compare(name, 0, name.length, 0, name.length) === 0;
}

/** Precision, height, width, and the components. */
function frameOf(segment: Buffer) {
  if (segment.length < 6 || segment[0] !== 8) return undefined;
  const [height, width, components] = [segment.readUInt16BE(1), segment.readUInt16BE(3), segment[5]];
  if (width === 0 || height === 0 || segment.length !== 6 + 3 * (components ?? 0)) return undefined;
  if (components === 1) return { width, height, space: 'b-w' } as const;
  // Ids 1, 2, 3 are YCbCr; without JFIF's or Adobe's word for it, others may be RGB.
  const plain = segment[6] === 1 && segment[9] === 2 && segment[12] === 3;
  return components === 3 && plain ? ({ width, height, space: 'srgb' } as const) : undefined;
}

/** 1 to 8, 0 when the block says nothing of it; undefined when there is anything odd about the block. */
function orientationOf(tiff: Buffer): number | undefined {
  if (tiff.length < 14) return undefined;
  const order = tiff.toString('latin1', 0, 4);
  const little = order === 'II*\0';
  if (!little && order !== 'MM\0*') return undefined;
  const short = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (directory !== 8) return undefined;
  const entries = short(directory);
  if (directory + 2 + entries * 12 + 4 > tiff.length) return undefined;
  let found = 0;
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (short(at) !== ORIENTATION) continue;
    const value = short(at + 8);
    const count = little ? tiff.readUInt32LE(at + 4) : tiff.readUInt32BE(at + 4);
    if (found > 0 || short(at + 2) !== SHORT || count !== 1 || value < 1 || value > 8) return undefined;
    found = value;
  }
  return found;
}
