// What the image function of this deployment reads, as the stack says it: for functions that do not read images themselves.
import { ENVIRONMENT } from '../contract/environment.ts';
import { DEFAULT_FORMATS, parseFormats } from '../contract/formats.ts';
import { imageGlob } from '../job/image-glob.ts';

/** The default of `include`. Throws RangeError when the stack has set what nobody knows. */
export function imagesRead(): string {
  const text = process.env[ENVIRONMENT.formats];
  return imageGlob(text === undefined ? DEFAULT_FORMATS : parseFormats(text));
}
