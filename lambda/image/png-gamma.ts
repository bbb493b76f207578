// What a file says of its tone curve other than by a profile that sharp applies: made into one that it does.
import { deflateSync } from 'node:zlib';
import { FanoutError } from '../contract/errors.ts';
import { chunk } from './decoders/carrier.ts';
import { curveOfGamma, greyCurve, rgbProfile } from './icc.ts';
import { sharp } from './sharp.ts';
import type { Header } from './source-image.ts';

const SIGNATURE_BYTES = 8;
/** gAMA of sRGB, in 100,000ths, and how far from it is still meant as sRGB. https://www.w3.org/TR/png-3/#11gAMA */
const [SRGB_GAMMA, NEAR] = [45_455, 500];
/** cICP's transfers of HDR. ITU-T H.273 */
const HDR: Readonly<Record<number, string>> = { 16: 'PQ (HDR)', 18: 'HLG (HDR)' };
const DISPLAY_P3 = 12;

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** The chunks before the pixels. */
function chunksBefore(body: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at + 12 <= body.length; ) {
    const type = body.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT') break;
    const length = body.readUInt32BE(at);
    chunks.push({ type, data: body.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/**
 * A PNG that has gAMA or cICP and no profile, with a profile that says the same: browsers and ImageMagick heed them, and
 * libvips does not. cICP goes before gAMA, as in the specification; cHRM is not read. Throws UnsupportedImage for HDR.
 */
export async function withCurve(body: Buffer): Promise<Buffer> {
  const chunks = chunksBefore(body);
  const find = (type: string): Buffer | undefined => chunks.find((one) => one.type === type)?.data;
  const coding = find('cICP');
  const hdr = coding === undefined ? undefined : HDR[coding[1] ?? 0];
  if (hdr !== undefined) {
    const expected = 'a picture of standard range';
    throw new FanoutError('UnsupportedImage', `PNG with ${hdr} is not read: expected ${expected}`, {
      expected,
      met: hdr,
    });
  }
  if (find('iCCP') !== undefined) return body;
  if (coding !== undefined) return coding[0] === DISPLAY_P3 ? withProfile(body, await displayP3()) : body;
  const gamma = find('sRGB') === undefined && find('gAMA')?.length === 4 ? find('gAMA')?.readUInt32BE(0) : undefined;
  if (gamma === undefined || gamma === 0 || Math.abs(gamma - SRGB_GAMMA) <= NEAR) return body;
  // A grey image becomes colour first: sharp applies a profile of grey to 8 bits only.
  const grey = body[25] === 0 || body[25] === 4;
  const coloured = grey ? await inColour(body) : body;
  return withProfile(coloured, rgbProfile(curveOfGamma(100_000 / gamma)));
}

/**
 * A grey image with a profile as a colour image with a profile of the same curve, where sharp would not convert it (16
 * bits), or would although the values are to be kept. The same bytes for any other.
 */
export async function withColourProfile(
  body: Buffer,
  { space, icc }: Pick<Header, 'space'> & { icc?: Buffer | undefined },
  keep: boolean,
): Promise<Buffer> {
  const curve = icc === undefined ? undefined : greyCurve(icc);
  if (curve === undefined || !(space === 'grey16' || (keep && space === 'b-w'))) return body;
  return withProfile(await inColour(body, space === 'grey16'), rgbProfile(curve));
}

/** The same values in three channels. */
async function inColour(body: Buffer, deep = body[24] === 16): Promise<Buffer> {
  const image = sharp(body, { limitInputPixels: false }).keepIccProfile().keepExif().keepXmp();
  return image
    .toColourspace(deep ? 'rgb16' : 'srgb')
    .png({ compressionLevel: 0, palette: false })
    .toBuffer();
}

async function displayP3(): Promise<Buffer> {
  const pixel = { width: 1, height: 1, channels: 3, background: '#000' } as const;
  const { icc } = await sharp(await sharp({ create: pixel }).withIccProfile('p3').png().toBuffer()).metadata();
  return icc ?? Buffer.alloc(0);
}

/** The PNG with this profile and no other word on its colours. */
function withProfile(body: Buffer, icc: Buffer): Buffer {
  const parts: Buffer[] = [body.subarray(0, SIGNATURE_BYTES)];
  for (let at = SIGNATURE_BYTES; at + 12 <= body.length; ) {
    const end = at + 12 + body.readUInt32BE(at);
    const type = body.toString('latin1', at + 4, at + 8);
    if (!['iCCP', 'gAMA', 'cHRM', 'sRGB', 'cICP'].includes(type)) parts.push(body.subarray(at, end));
    if (type === 'IHDR') parts.push(chunk('iCCP', Buffer.concat([Buffer.from('icc\0\0', 'latin1'), deflateSync(icc)])));
    at = end;
  }
  return Buffer.concat(parts);
}
