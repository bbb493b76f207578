// One damaged image through the image room, and whether what came of it is right.
import sharp from 'sharp';
import { type ErrorName, FanoutError } from '../../lambda/contract/errors.ts';
import type { Limits } from '../../lambda/contract/limits.ts';
import { isDecoded } from '../../lambda/image/decoders/decoders.ts';
import { sniff } from '../../lambda/image/sniff.ts';
import { transform } from '../../lambda/image/transform.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';

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

/** The same of every page and frame, each a file of its own. */
const PAGES = resolveRecipe({
  pages: 'all',
  outputs: [{ name: 'page', format: 'png', resize: { width: 64, withoutEnlargement: true } }],
});

/** What became of a damaged image: `read`, or the class it ended in. Throws an Error that says what was wrong about it. */
export async function fuzzOnce(body: Buffer, pages = false): Promise<'read' | ErrorName> {
  try {
    const { source, renditions } = await transform({
      body,
      key: 'fuzz.jpg',
      recipe: pages ? PAGES : RECIPE,
      limits: FUZZ_LIMITS,
    });
    // What is only on record costs nothing.
    const frames = renditions.some((made) => made.pages !== undefined) ? (source.pages ?? 1) : 1;
    if (renditions.length > FUZZ_LIMITS.frames) throw new Error(`made ${renditions.length} files, over the limit`);
    if (source.width * source.height * frames > FUZZ_LIMITS.pixels)
      throw new Error(`read ${source.width} x ${source.height}, over the limit`);
    for (const { body: made, name } of renditions) {
      const { width } = await sharp(made).metadata();
      if (width > 64) throw new Error(`${name} came out ${width} wide`);
    }
    const problem = pages ? undefined : await problemOf(body);
    if (problem !== undefined) throw new Error(`said to be read, but sharp says: ${problem}`);
    return 'read';
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    // Of an image sequence nothing reads all frames.
    if (!RIGHT.includes(error.name) && !(pages && error.name === 'RecipeMismatch'))
      throw new Error(`ended in ${error.name}: ${error.message}`, { cause: error });
    return error.name;
  }
}

/**
 * What sharp alone says of a damaged file, as strictly as libvips can (TIFF: but for its tags); undefined when it reads it.
 * Damage in rows that a smaller copy does not look at is none to that copy; an end that is missing always is.
 */
async function problemOf(body: Buffer): Promise<string | undefined> {
  const found = sniff(body);
  // Vectors are not read in this process, and sharp alone reads nothing of what decoders are for.
  if (found.kind === 'image' && (found.format === 'svg' || isDecoded(found.format))) return undefined;
  const failOn = found.kind === 'image' && found.format === 'tiff' ? 'error' : 'warning';
  const whole = await failureOf(sharp(body, { failOn }).raw().toBuffer());
  if (whole === undefined || /premature end of JPEG|unexpected end|truncated/i.test(whole)) return whole;
  return failureOf(sharp(body, { failOn }).resize({ width: 64, withoutEnlargement: true }).raw().toBuffer());
}

function failureOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: Error) => error.message,
  );
}
