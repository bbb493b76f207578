// One damaged image through the image room, and whether what came of it is right.
import sharp from 'sharp';
import { type ErrorName, FanoutError } from '../../lambda/errors.ts';
import { sniff } from '../../lambda/image/sniff.ts';
import { transform } from '../../lambda/image/transform.ts';
import type { Limits } from '../../lambda/limits.ts';
import { resolveRecipe } from '../../lambda/recipe.ts';

/** What damaged input may end in. Anything else, UnexpectedError above all, is a bug. */
const RIGHT: readonly ErrorName[] = [
  'NotAnImage',
  'TruncatedImage',
  'CorruptImage',
  'UnsupportedImage',
  'TooManyBytes',
  'TooManyPixels',
  'TooManyFrames',
  'ImageTimeout',
  'ImageCrashed',
  'OutputTooLarge',
];

/** Tight, so that damage which asks for much meets them. */
export const FUZZ_LIMITS: Limits = {
  bytes: 2_000_000,
  pixels: 4_000_000,
  frames: 50,
  dimension: 4000,
  milliseconds: 20_000,
  memory: 1024 * 1024 * 1024,
};

const RECIPE = resolveRecipe({
  animated: 'keep',
  outputs: [
    { name: 'small', format: 'webp', webp: { effort: 0 }, resize: { width: 64, withoutEnlargement: true } },
    { name: 'tiny', format: 'jpeg', resize: { width: 16, height: 16 } },
  ],
});

/** What became of a damaged image: `read`, or the class it ended in. Throws an Error that says what was wrong about it. */
export async function fuzzOnce(body: Buffer): Promise<'read' | ErrorName> {
  try {
    const { source, renditions } = await transform({ body, key: 'fuzz.jpg', recipe: RECIPE, limits: FUZZ_LIMITS });
    if (source.width * source.height * (source.pages ?? 1) > FUZZ_LIMITS.pixels)
      throw new Error(`read ${source.width} x ${source.height}, over the limit`);
    for (const { body: made, name } of renditions) {
      const { width } = await sharp(made).metadata();
      if (width > 64) throw new Error(`${name} came out ${width} wide`);
    }
    if (!(await isReadable(body))) throw new Error('said to be read, but sharp cannot read it');
    return 'read';
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    if (!RIGHT.includes(error.name)) throw new Error(`ended in ${error.name}: ${error.message}`, { cause: error });
    return error.name;
  }
}

/** Whether sharp alone decodes every pixel of the first frame, as strictly as libvips can (TIFF: but for its tags). */
async function isReadable(body: Buffer): Promise<boolean> {
  const found = sniff(body);
  // Vectors are not read in this process; the worker has drawn this one.
  if (found.kind === 'image' && found.format === 'svg') return true;
  const failOn = found.kind === 'image' && found.format === 'tiff' ? 'error' : 'warning';
  return sharp(body, { failOn })
    .raw()
    .toBuffer()
    .then(
      () => true,
      () => false,
    );
}
