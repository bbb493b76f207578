// A source as the image room works on it: its header, and before that what a decoder makes of kinds that sharp does not read.
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import type { Recipe } from '../recipe/types.ts';
import { type Decoded, type Decoder, damaged, notRead } from './decoders/decoder.ts';
import { decoderFor } from './decoders/decoders.ts';
import { checkSize, readHeader } from './header.ts';
import type { SourceFormat } from './sniff.ts';
import type { SourceImage } from './source-image.ts';

/** Reads what there is to know before pixels are made. Throws the class of what is wrong with the file, TooManyPixels, TooManyFrames. */
export async function readSource(
  body: Buffer,
  format: SourceFormat,
  recipe: Recipe,
  limits: Limits,
): Promise<SourceImage> {
  const decoder = decoderFor(format);
  if (decoder === undefined) return readHeader(body, format, recipe, limits);
  const made = await decodedBy(decoder, body, limits);
  const { pages, preview } = made;
  const header = await readHeader(made.body, made.format, recipe, limits);
  const { same, contentType } = decoder;
  const decoded = {
    format: decoder.format,
    same,
    contentType,
    file: body,
    pages,
    ...(preview === true ? { preview } : {}),
  };
  return { ...header, bytes: body.length, decoded };
}

async function decodedBy(decoder: Decoder, body: Buffer, limits: Limits): Promise<Decoded> {
  try {
    return await decoder.decode(body, (width, height) => checkSize(width, height, 1, limits));
  } catch (error) {
    if (error instanceof FanoutError) throw error;
    // WebAssembly may throw what is no Error: a text, a number.
    const { code, message = String(error) } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
      throw notRead(decoder.title, 'no package installed that decodes it', `npm install to have added it (${message})`);
    }
    // Reading past the end of a buffer is how a damaged length shows.
    throw damaged(decoder.title, message.split('\n')[0] ?? message);
  }
}
