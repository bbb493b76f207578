// The table of decoders: kinds of sources that sharp's own build does not read. What sharp reads never takes this way.
import { apng } from './apng.ts';
import { bmp } from './bmp.ts';
import type { DecodedFormat, Decoder } from './decoder.ts';
import { heic } from './heic.ts';
import { ico } from './ico.ts';
import { jp2 } from './jp2.ts';
import { jxl } from './jxl.ts';
import { pdf } from './pdf.ts';
import { psd } from './psd.ts';
import { raw } from './raw.ts';

/** First match wins. A new format is one record, its test and its row in the docs. */
export const DECODERS: readonly Decoder[] = [raw, apng, heic, jxl, jp2, psd, pdf, bmp, ico];

/** The decoder of a file, by its content; undefined for what is sharp's. */
export function decoderOf(body: Buffer): Decoder | undefined {
  return DECODERS.find(({ takes }) => takes(body));
}

/** The decoder of a kind that `decoderOf` has named. */
export function decoderFor(format: string): Decoder | undefined {
  return DECODERS.find((decoder) => decoder.format === format);
}

/** Whether a format, as the outcome names it, is read by a decoder. */
export function isDecoded(format: string): format is DecodedFormat {
  return decoderFor(format) !== undefined;
}
