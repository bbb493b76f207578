// What a source may be: decided by its content, its weight and what the recipe allows.
import { FanoutError } from '../contract/errors.ts';
import { UNTRUSTED_FORMATS, type UntrustedFormat } from '../recipe/names.ts';
import { decoderFor } from './decoders/decoders.ts';
import { type SourceFormat, sniff } from './sniff.ts';
import type { TransformInput } from './transform-types.ts';

/** Whether libvips calls the format's loader untrusted. */
export function isUntrusted(format: SourceFormat): format is UntrustedFormat {
  return (UNTRUSTED_FORMATS as readonly string[]).includes(format);
}

/** What the content is. Throws TooManyBytes, NotAnImage, or UnsupportedImage for what is not allowed. */
export function formatOf({ body, recipe, limits }: Pick<TransformInput, 'body' | 'recipe' | 'limits'>): SourceFormat {
  if (body.length > limits.bytes) {
    const expected = `at most ${limits.bytes} bytes (limits.bytes)`;
    throw new FanoutError('TooManyBytes', `${body.length} bytes, expected ${expected}`, {
      expected,
      met: `${body.length} bytes`,
    });
  }
  const found = sniff(body);
  const expected = 'JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, SVG or another image that is read';
  if (found.kind === 'none') {
    const head = `content that starts with ${body.toString('hex', 0, 8)}`;
    const met = body.length === 0 ? 'an empty file' : (found.what ?? head);
    throw new FanoutError('NotAnImage', `the content is no image: expected ${expected}, got ${met}`, { expected, met });
  }
  if (found.kind === 'unsupported' || (isUntrusted(found.format) && !recipe.allow.includes(found.format))) {
    const what = found.kind === 'unsupported' ? found.what : found.format.toUpperCase();
    const where = decoderFor(what.toLowerCase()) === undefined ? ', where the libvips build reads it' : '';
    const hint = found.kind === 'image' ? ` (the recipe may allow it${where})` : '';
    throw new FanoutError('UnsupportedImage', `${what} is not read${hint}: expected ${expected}`, {
      expected,
      met: what,
    });
  }
  return found.format;
}
