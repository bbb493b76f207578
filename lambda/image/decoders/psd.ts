// Photoshop documents, PSD and PSB: the merged image that Photoshop saves beside the layers. Written here, since no package reads 16 bits, CMYK and profiles.
import { cmykTiffOf, pngOf } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, endsEarly, notRead } from './decoder.ts';

const TITLE = 'Photoshop document';

/** https://www.adobe.com/devnet-apps/photoshop/fileformatashtml/ */
const MODES = { bitmap: 0, grey: 1, indexed: 2, rgb: 3, cmyk: 4, duotone: 8 } as const;
const MODE_NAMES: Readonly<Record<number, string>> = { 7: 'multichannel colour', 9: 'Lab colour' };
const RESOURCES = { icc: 1039, versionInfo: 1057, exif: 1058, xmp: 1060 } as const;
const COMPRESSIONS = { none: 0, packBits: 1 } as const;

interface Document {
  /** PSB: large documents, whose lengths have more bytes. */
  readonly large: boolean;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: number;
  readonly mode: number;
  readonly palette: Buffer;
  readonly resources: ReadonlyMap<number, Buffer>;
  /** Whether the first channel beyond the colours is the merged image's transparency. */
  readonly transparent: boolean;
  /** The section of the merged image, from its compression on. */
  readonly image: Buffer;
}

export const psd: Decoder = {
  format: 'psd',
  title: TITLE,
  same: 'png',
  contentType: 'image/vnd.adobe.photoshop',
  takes: (body) =>
    body.length >= 26 && body.toString('latin1', 0, 4) === '8BPS' && [1, 2].includes(body.readUInt16BE(4)),
  decode: async (body, allow) => decode(body, allow),
};

function decode(body: Buffer, allow: Allow): Decoded {
  const document = documentOf(body);
  const { width, height, mode, depth, resources } = document;
  allow(width, height);
  // Written without "Maximize Compatibility": the merged image is white.
  if (resources.get(RESOURCES.versionInfo)?.[4] === 0) {
    throw notRead(TITLE, 'no merged image', 'one that was saved with "Maximize Compatibility"');
  }
  const planes = planesOf(document);
  const [icc, exif, xmp] = [RESOURCES.icc, RESOURCES.exif, RESOURCES.xmp].map((id) => resources.get(id));
  const page = { pages: 1 } as const;
  if (mode === MODES.cmyk) {
    const ink = interleaved(
      planes.slice(0, 4).map((plane) => inverted(eight(plane, depth))),
      1,
    );
    return { body: cmykTiffOf(width, height, ink, icc), format: 'tiff', ...page };
  }
  const alpha = document.transparent ? planes[colourChannels(mode)] : undefined;
  const bytes = depth === 16 ? 2 : 1;
  const colours = coloursOf(document, planes);
  const all = alpha === undefined ? colours : [...colours, alpha];
  const data = interleaved(all, bytes);
  if (alpha !== undefined) removeWhite(data, all.length, bytes);
  const channels = all.length as 1 | 2 | 3 | 4;
  return {
    body: pngOf({ width, height, channels, depth: bytes === 2 ? 16 : 8, data, icc, exif, xmp }),
    format: 'png',
    ...page,
  };
}

function documentOf(body: Buffer): Document {
  if (body.length < 34) throw endsEarly(TITLE);
  const large = body.readUInt16BE(4) === 2;
  const [channels, height, width] = [body.readUInt16BE(12), body.readUInt32BE(14), body.readUInt32BE(18)];
  const [depth, mode] = [body.readUInt16BE(22), body.readUInt16BE(24)];
  const [side, most] = large ? [300_000, 56] : [30_000, 56];
  if (width < 1 || height < 1 || width > side || height > side) throw damaged(TITLE, `a size of ${width} x ${height}`);
  const known: readonly number[] = Object.values(MODES);
  if (!known.includes(mode))
    throw notRead(TITLE, MODE_NAMES[mode] ?? `colour mode ${mode}`, 'grey, indexed, RGB or CMYK');
  if (![1, 8, 16].includes(depth) || (depth === 1) !== (mode === MODES.bitmap)) {
    throw notRead(TITLE, `${depth} bits per channel`, '1, 8 or 16 bits');
  }
  if (channels < colourChannels(mode) || channels > most) throw damaged(TITLE, `${channels} channels`);
  const palette = section(body, 26, 4);
  const resources = section(body, palette.end, 4);
  const layers = section(body, resources.end, large ? 8 : 4);
  return {
    large,
    width,
    height,
    channels,
    depth,
    mode,
    palette: palette.content,
    resources: resourcesOf(resources.content),
    transparent: channels > colourChannels(mode) && layerCount(layers.content, large) < 0,
    image: body.subarray(layers.end),
  };
}

function colourChannels(mode: number): number {
  return mode === MODES.rgb ? 3 : mode === MODES.cmyk ? 4 : 1;
}

/** A section: its length, then so many bytes. */
function section(body: Buffer, at: number, lengthBytes: 4 | 8): { readonly content: Buffer; readonly end: number } {
  if (at + lengthBytes > body.length) throw endsEarly(TITLE);
  const length = lengthBytes === 8 ? Number(body.readBigUInt64BE(at)) : body.readUInt32BE(at);
  const end = at + lengthBytes + length;
  if (end > body.length) throw endsEarly(TITLE);
  return { content: body.subarray(at + lengthBytes, end), end };
}

function resourcesOf(content: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 12 <= content.length && content.toString('latin1', at, at + 4) === '8BIM'; ) {
    const id = content.readUInt16BE(at + 4);
    // A Pascal string, padded to an even length together with its own byte of length.
    const lengthAt = at + 6 + (((content[at + 6] ?? 0) + 2) & ~1);
    if (lengthAt + 4 > content.length) break;
    const start = lengthAt + 4;
    const length = content.readUInt32BE(lengthAt);
    found.set(id, content.subarray(start, start + length));
    at = start + length + (length % 2);
  }
  return found;
}

/** Negative when the first channel beyond the colours holds the transparency of the merged image. */
function layerCount(content: Buffer, large: boolean): number {
  const at = large ? 8 : 4;
  return content.length >= at + 2 ? content.readInt16BE(at) : 0;
}

/** Each channel of the merged image, 8 or 16 bits per sample, or 1 packed. */
function planesOf({ image, large, width, height, channels, depth }: Document): Buffer[] {
  if (image.length < 2) throw endsEarly(TITLE);
  const compression = image.readUInt16BE(0);
  const row = Math.ceil((width * depth) / 8);
  if (compression === COMPRESSIONS.none) {
    if (2 + row * height * channels > image.length) throw endsEarly(TITLE);
    return Array.from({ length: channels }, (_, place) =>
      image.subarray(2 + place * row * height, 2 + (place + 1) * row * height),
    );
  }
  if (compression !== COMPRESSIONS.packBits)
    throw notRead(TITLE, `compression ${compression} of its merged image`, 'none or RLE');
  const countBytes = large ? 4 : 2;
  let at = 2 + channels * height * countBytes;
  if (at > image.length) throw endsEarly(TITLE);
  const planes: Buffer[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const plane = Buffer.alloc(row * height);
    for (let y = 0; y < height; y++) {
      const length = image.readUIntBE(2 + (channel * height + y) * countBytes, countBytes);
      if (at + length > image.length) throw endsEarly(TITLE);
      unpack(image.subarray(at, at + length), plane.subarray(y * row, (y + 1) * row));
      at += length;
    }
    planes.push(plane);
  }
  return planes;
}

/** PackBits. */
function unpack(from: Buffer, to: Buffer): void {
  let [at, put] = [0, 0];
  while (at < from.length && put < to.length) {
    const count = from.readInt8(at);
    at += 1;
    if (count >= 0) {
      to.set(from.subarray(at, at + Math.min(count + 1, to.length - put)), put);
      at += count + 1;
      put += count + 1;
    } else if (count !== -128) {
      to.fill(from[at] ?? 0, put, Math.min(put + 1 - count, to.length));
      at += 1;
      put += 1 - count;
    }
  }
}

/** Grey or RGB planes, whatever the mode. */
function coloursOf({ mode, palette, width, height }: Document, planes: readonly Buffer[]): Buffer[] {
  const [first] = planes;
  if (first === undefined) return [];
  if (mode === MODES.bitmap) return [blackAndWhite(first, width, height)];
  if (mode !== MODES.indexed) return planes.slice(0, colourChannels(mode));
  if (palette.length < 768) throw damaged(TITLE, `a palette of ${palette.length} bytes`);
  return [0, 256, 512].map((start) => Buffer.from(first.map((index) => palette[start + index] ?? 0)));
}

/** One bit per pixel, 1 is black. */
function blackAndWhite(plane: Buffer, width: number, height: number): Buffer {
  const row = Math.ceil(width / 8);
  const grey = Buffer.alloc(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      grey[y * width + x] = ((plane[y * row + (x >> 3)] ?? 0) >> (7 - (x % 8))) & 1 ? 0 : 255;
    }
  }
  return grey;
}

function eight(plane: Buffer, depth: number): Buffer {
  if (depth !== 16) return plane;
  return Buffer.from(
    Uint8Array.from({ length: plane.length / 2 }, (_, place) => Math.round(plane.readUInt16BE(place * 2) / 257)),
  );
}

function inverted(plane: Buffer): Buffer {
  return Buffer.from(plane.map((value) => 255 - value));
}

function interleaved(planes: readonly Buffer[], bytes: 1 | 2): Buffer {
  const step = planes.length * bytes;
  const data = Buffer.allocUnsafe((planes[0]?.length ?? 0) * planes.length);
  for (const [place, plane] of planes.entries()) {
    for (let from = 0, to = place * bytes; from < plane.length; from += bytes, to += step) {
      data[to] = plane[from] ?? 0;
      if (bytes === 2) data[to + 1] = plane[from + 1] ?? 0;
    }
  }
  return data;
}

/** The merged image is blended with white where it is transparent: takes the white out again, as ImageMagick and psd-tools do. */
function removeWhite(data: Buffer, channels: number, bytes: 1 | 2): void {
  const full = bytes === 2 ? 65_535 : 255;
  const read = (at: number): number => (bytes === 2 ? data.readUInt16BE(at) : (data[at] ?? 0));
  for (let at = 0; at < data.length; at += channels * bytes) {
    const alpha = read(at + (channels - 1) * bytes);
    if (alpha === 0 || alpha === full) continue;
    for (let channel = 0; channel < channels - 1; channel++) {
      const place = at + channel * bytes;
      const value = Math.round(((read(place) - (full - alpha)) * full) / alpha);
      const bounded = Math.max(0, Math.min(full, value));
      if (bytes === 2) data.writeUInt16BE(bounded, place);
      else data[place] = bounded;
    }
  }
}
