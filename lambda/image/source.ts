// A source as the image room works on it: its header, and before that what a decoder makes of kinds that sharp does not read.
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import { PDF_DENSITY } from '../recipe/names.ts';
import type { Recipe } from '../recipe/types.ts';
import { type Decoded, type Decoder, damaged, notRead, type Wanted } from './decoders/decoder.ts';
import { decoderFor } from './decoders/decoders.ts';
import { checkSize, readHeader } from './header.ts';
import { wantsFrames } from './pages.ts';
import type { SourceFormat } from './sniff.ts';
import type { SourceImage } from './source-image.ts';

/** Reads what there is to know before pixels are made. Throws the class of what is wrong with the file, TooManyPixels, TooManyFrames. */
export async function readSource(
  body: Buffer,
  format: SourceFormat,
  recipe: Recipe,
  limits: Limits,
  page = 0,
): Promise<SourceImage> {
  const decoder = decoderFor(format);
  if (decoder === undefined) return readHeader(body, format, recipe, limits);
  const wanted = { page, frames: wantsFrames(recipe), density: recipe.density ?? PDF_DENSITY };
  const made = await decodedBy(decoder, body, limits, wanted);
  const { pages, preview, timing, framed: sequence } = made;
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
  const framed = sequence === true || (decoder.animates === true && pages > 1);
  const { delay, loop } = timing ?? {};
  const metadata =
    timing === undefined
      ? header.metadata
      : { ...header.metadata, ...definedOnly({ delay: delay && [...delay], loop }) };
  return { ...header, metadata, bytes: body.length, decoded, framed, frames: timing === undefined ? 1 : pages };
}

/** A page or frame of a source, by its number from 0, as an image of its own. */
export async function pageOf(source: SourceImage, page: number, recipe: Recipe, limits: Limits): Promise<SourceImage> {
  const { body, format, decoded, options, places } = source;
  if (source.frames > 1) return { ...source, frames: 1, framed: false, options: { ...options, page } };
  if (decoded !== undefined) return readSource(decoded.file, decoded.format, recipe, limits, page);
  return readHeader(body, format, recipe, limits, places?.[page] ?? page);
}

async function decodedBy(decoder: Decoder, body: Buffer, limits: Limits, wanted: Wanted): Promise<Decoded> {
  try {
    return await decoder.decode(body, (width, height, frames = 1) => checkSize(width, height, frames, limits), wanted);
  } catch (error) {
    if (error instanceof FanoutError) throw error;
    // WebAssembly may throw what is no Error: a text, a number.
    const { code, message = String(error) } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
      throw notRead(
        decoder.title,
        'no package installed that decodes it',
        `its package: installed by npm here, by context image-fanout:formats on AWS (${message})`,
      );
    }
    // Reading past the end of a buffer is how a damaged length shows.
    throw damaged(decoder.title, message.split('\n')[0] ?? message);
  }
}
