// What an AVIF says of its numbers, where libvips does not heed it: levels of limited range, and light that an sRGB output cannot hold.
import { FanoutError } from '../contract/errors.ts';

/** Code points of ITU-T H.273, table 3. */
const HDR: { readonly [transfer: number]: string } = { 16: 'PQ', 18: 'HLG' };
const COLOUR_BOX = Buffer.from('colrnclx', 'latin1');
const CONFIGURATION_BOX = Buffer.from('av1C', 'latin1');
/** An item that derives HDR from a plain image and a gain map: then the plain one is what is decoded. */
const TONE_MAP = 'tmap';
/** Properties come before pixels, within the first boxes. */
const HEAD_BYTES = 65_536;

/** Throws UnsupportedImage for an AVIF in PQ or HLG: taken for sRGB it would be grey and flat. */
export function refuseHdr(body: Buffer): void {
  const head = body.subarray(0, HEAD_BYTES);
  const found = head.indexOf(COLOUR_BOX);
  const name =
    found === -1 || head.includes(TONE_MAP, 0, 'latin1')
      ? undefined
      : HDR[body.readUInt16BE(found + COLOUR_BOX.length + 2)];
  if (name === undefined) return;
  const expected = 'an image of standard dynamic range';
  throw new FanoutError(
    'UnsupportedImage',
    `an HDR image (${name}): expected ${expected}, as nothing here maps its tones`,
    {
      expected,
      met: `HDR (${name})`,
    },
  );
}

/** Whether an AVIF is grey with levels from 16 to 235, which libvips hands out as they are. */
export function isLimitedGrey(body: Buffer): boolean {
  const head = body.subarray(0, HEAD_BYTES);
  const colour = head.indexOf(COLOUR_BOX);
  const full = colour === -1 || ((head[colour + COLOUR_BOX.length + 6] ?? 0x80) & 0x80) !== 0;
  if (full || head.includes(TONE_MAP, 0, 'latin1')) return false;
  // All of them: what lies beside a coloured image, its transparency, is grey too.
  const grey: boolean[] = [];
  for (let at = head.indexOf(CONFIGURATION_BOX); at !== -1; at = head.indexOf(CONFIGURATION_BOX, at + 1)) {
    grey.push(((head[at + CONFIGURATION_BOX.length + 2] ?? 0) & 0x10) !== 0);
  }
  return grey.length > 0 && grey.every((one) => one);
}
