// Random images and recipes, and whether what came of them is what sharp alone makes, one pipeline per output.
import sharp, { type Metadata, type Sharp } from 'sharp';
import { FanoutError } from '../../lambda/contract/errors.ts';
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { lumaPipeline, ssim, viewingSize } from '../../lambda/image/ssim.ts';
import { type Rendition, transform } from '../../lambda/image/transform.ts';
import { type RecipeInput, resolveRecipe } from '../../lambda/recipe/recipe.ts';
import type { Operations } from '../../lambda/recipe/types.ts';

type Resize = NonNullable<Operations['resize']>;
type SourceFormat = 'jpeg' | 'png' | 'webp' | 'tiff' | 'gif';

export interface PixelOutput extends Pick<Operations, 'resize' | 'flip' | 'flop' | 'greyscale' | 'blur' | 'negate'> {
  readonly name: string;
}

export interface PixelCase {
  readonly source: {
    readonly format: SourceFormat;
    readonly width: number;
    readonly height: number;
    readonly orientation: number;
    readonly alpha: boolean;
    readonly profile: boolean;
    readonly frames: number;
  };
  readonly outputs: readonly PixelOutput[];
  readonly metadata: 'strip' | 'keepIcc';
}

/** What came of one case. */
export interface Judged {
  readonly problems: readonly string[];
  /** Likeness of every output of a case with several. */
  readonly shared: readonly number[];
  /** Outputs that were compared byte by byte. */
  readonly alone: number;
}

export const LEAST_SSIM = 0.98;

/** What lies between a source and an output must fit a judge that makes all of it. */
const MOST_PIXELS = 6_000_000;

const FITS = ['cover', 'contain', 'fill', 'inside', 'outside'] as const;
const POSITIONS = ['centre', 'north', 'southeast', 'left top', 'west', 'attention', 'entropy'] as const;

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number, index: number): () => number {
  let state = (seed * 0x9e3779b1 + index * 0x85ebca6b) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The case of a number. */
export function pixelCase(seed: number, index: number): PixelCase {
  const random = randomOf(seed, index);
  const within = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const side = (most: number): number => Math.max(1, Math.round(Math.exp(random() * Math.log(most))));
  const pick = <T>(values: readonly T[]): T => values[within(0, values.length - 1)] as T;
  const chance = (share: number): boolean => random() < share;

  const most = chance(0.35) ? 300 : 110;
  const usual = (): number => within(16, most);
  const extreme = chance(0.15);
  const moving = chance(0.08);
  let width = extreme ? side(20_000) : usual();
  let height = extreme ? Math.min(side(20_000), Math.max(1, Math.floor(80_000 / width))) : usual();
  if (extreme && chance(0.5)) [width, height] = [height, width];
  const format = moving ? pick(['gif', 'webp'] as const) : pick(['jpeg', 'jpeg', 'png', 'webp', 'tiff'] as const);
  // WebP holds 16,383 pixels a side.
  if (format === 'webp') [width, height] = [Math.min(width, 16_383), Math.min(height, 16_383)];
  const source = {
    format,
    width,
    height,
    orientation: format === 'gif' || chance(0.5) ? 1 : within(1, 8),
    alpha: format !== 'jpeg' && chance(0.3),
    profile: format !== 'gif' && chance(0.15),
    frames: moving ? within(2, 4) : 1,
  };
  const resize = (): Resize => {
    const which = within(0, 2);
    const box = {
      ...(which === 1 ? {} : { width: chance(0.1) ? side(900) : within(1, most) }),
      ...(which === 0 ? {} : { height: chance(0.1) ? side(900) : within(1, most) }),
    };
    const fit = pick(FITS);
    const position = moving ? 'north' : pick(POSITIONS);
    return {
      ...box,
      ...(chance(0.8) ? { fit } : {}),
      ...(chance(0.4) && (fit === 'cover' || position.length < 7) ? { position } : {}),
      ...(chance(0.3) ? { withoutEnlargement: true } : {}),
      ...(chance(0.15) ? { withoutReduction: true } : {}),
      ...(chance(0.2) ? { background: '#cc3300' } : {}),
    };
  };
  const outputs = Array.from({ length: within(1, 4) }, (_, place) => ({
    name: `o${place}`,
    ...(chance(0.9) ? { resize: resize() } : {}),
    ...(chance(0.08) ? { flip: true } : {}),
    ...(chance(0.06) ? { flop: true } : {}),
    ...(chance(0.08) ? { greyscale: true } : {}),
    ...(chance(0.08) ? { blur: { sigma: 2 } } : {}),
    ...(chance(0.06) ? { negate: {} } : {}),
  }));
  return { source, outputs, metadata: moving || chance(0.8) ? 'strip' : 'keepIcc' };
}

/** An image as cameras make them: soft light, edges, a little grain. Frames differ in their light. */
export async function sourceOf({ source }: PixelCase): Promise<Buffer> {
  const { format, width, height, orientation, alpha, profile, frames } = source;
  const channels = alpha ? 4 : 3;
  const data = Buffer.allocUnsafe(width * height * frames * channels);
  let noise = 12_345;
  for (let frame = 0; frame < frames; frame += 1) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const [u, v] = [x / width, y / height];
        noise = (noise * 1_103_515_245 + 12_345) & 0x7fff_ffff;
        const light = 120 + 70 * Math.sin(5 * u + 3 * v + frame * 1.4) + ((noise >> 16) % 7) - 3;
        const disc = Math.hypot(u - 0.35, v - 0.45) < 0.22 ? 60 : 0;
        const bar = u > 0.7 && u < 0.85 && v > 0.2 ? -70 : 0;
        const at = ((frame * height + y) * width + x) * channels;
        data[at] = clamp(light + disc);
        data[at + 1] = clamp(light + bar + 30 * Math.cos(7 * v));
        data[at + 2] = clamp(220 - light + disc + 20 * u);
        if (alpha) data[at + 3] = clamp(u + v > 1.2 ? 90 + 100 * v : 255);
      }
    }
  }
  const pages = frames > 1 ? { pageHeight: height } : {};
  const raw = { width, height: height * frames, channels, ...pages } as const;
  let image = sharp(data, { raw, animated: frames > 1, limitInputPixels: false });
  if (profile) image = image.withIccProfile('p3');
  if (orientation > 1) image = image.withMetadata({ orientation });
  const delay = frames > 1 ? { delay: Array.from({ length: frames }, (_, place) => 100 + 50 * place) } : {};
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality: 90 }).toBuffer();
    case 'png':
      return image.png({ compressionLevel: 1 }).toBuffer();
    case 'webp':
      return image.webp({ lossless: true, effort: 0, ...delay }).toBuffer();
    case 'tiff':
      return image.tiff({ compression: 'lzw' }).toBuffer();
    case 'gif':
      return image.gif({ effort: 1, ...delay }).toBuffer();
  }
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
}

function encoderOf({ source }: PixelCase): { readonly format: 'png' | 'webp' } & Record<string, unknown> {
  return source.frames > 1
    ? { format: 'webp', webp: { lossless: true, exact: true, effort: 0 } }
    : { format: 'png', png: { compressionLevel: 1 } };
}

function recipeOf(one: PixelCase, outputs: readonly PixelOutput[]): RecipeInput {
  return { ...encoderOf(one), metadata: one.metadata, outputs } as RecipeInput;
}

/** What sharp alone makes of a page: turned first, as the recipe's order is, and then all the rest. */
async function alone(one: PixelCase, body: Buffer, output: PixelOutput, page: number): Promise<Buffer> {
  const { resize, flip, flop, greyscale, blur, negate } = output;
  const open = (from: Buffer | Sharp): Sharp =>
    Buffer.isBuffer(from) ? sharp(from, { page, limitInputPixels: false }) : from;
  let image = open(body).autoOrient();
  const more = resize !== undefined || greyscale === true || blur !== undefined || negate !== undefined;
  if (((flip === true || flop === true) && more) || one.source.frames > 1) {
    // sharp mirrors after its resize: a pipeline of its own keeps the recipe's order. Frames are upright before anything else.
    const { data, info } = await image
      .flip(flip === true)
      .flop(flop === true)
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  } else {
    image = image.flip(flip === true).flop(flop === true);
  }
  if (greyscale === true) image = image.greyscale();
  if (greyscale === true && resize?.fit === 'contain' && resize.background !== undefined) {
    // Of a colour sharp gives a grey image the luminance only.
    const coloured = sharp(await image.png({ compressionLevel: 1 }).toBuffer(), { limitInputPixels: false });
    const { data, info } = await coloured.raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  }
  if (resize !== undefined) image = image.resize(resize);
  if (blur?.sigma !== undefined) image = image.blur({ sigma: blur.sigma });
  if (negate !== undefined) image = image.negate(negate);
  if (one.metadata === 'keepIcc') image = image.withIccProfile('srgb');
  return image.png({ compressionLevel: 1 }).toBuffer();
}

/** Whether sharp alone would make much before it crops, or more than a format holds. */
function tooMuch({ source }: PixelCase, { resize }: PixelOutput): boolean {
  if (resize === undefined) return source.frames > 1 && Math.max(source.width, source.height) > 16_383;
  const { width, height } = source.orientation >= 5 ? { width: source.height, height: source.width } : source;
  const across = (resize.width ?? 0) / width;
  const down = (resize.height ?? 0) / height;
  const bounded = resize.withoutEnlargement === true && resize.withoutReduction !== true;
  const scale = bounded ? 1 : Math.max(1, across, down);
  const pixels = resize.fit === 'fill' ? Math.max(1, across) * Math.max(1, down) : scale * scale;
  const longest = Math.max(width * Math.max(1, across, scale), height * Math.max(1, down, scale));
  return width * height * pixels > MOST_PIXELS || longest * source.frames > 16_383;
}

/** Makes a case by our image room and by sharp alone, and says what differs. */
export async function judge(one: PixelCase): Promise<Judged> {
  const outputs = one.outputs.filter((output) => !tooMuch(one, output));
  if (outputs.length === 0) return { problems: [], shared: [], alone: 0 };
  const body = await sourceOf(one);
  const problems: string[] = [];
  const shared: number[] = [];
  let compared = 0;
  let made: readonly Rendition[];
  try {
    made = await ours(one, body, outputs);
  } catch (error) {
    return { problems: [`ours: ${(error as Error).name}: ${(error as Error).message}`], shared, alone: 0 };
  }
  for (const [place, output] of outputs.entries()) {
    const rendition = made[place] as Rendition;
    const tell = (text: string): void => void problems.push(`${JSON.stringify(output)}: ${text}`);
    for (const page of one.source.frames > 1 ? [0, one.source.frames - 1] : [0]) {
      const right = await alone(one, body, output, page);
      const [theirs, mine] = await Promise.all([sharp(right).metadata(), sharp(rendition.body).metadata()]);
      const height = mine.pageHeight ?? mine.height;
      if (mine.width !== theirs.width || height !== theirs.height) {
        tell(`${mine.width} x ${height}, sharp alone ${theirs.width} x ${theirs.height}`);
        continue;
      }
      if (one.source.frames === 1) problems.push(...differences(output, mine, theirs));
      if (outputs.length === 1 && one.source.frames === 1) {
        compared += 1;
        if (!rendition.body.equals(right)) tell('bytes differ from those that sharp alone makes');
        continue;
      }
      const merged = (mine.pages ?? 1) !== one.source.frames;
      if (merged) continue;
      const value = await likeness(right, rendition.body, page);
      shared.push(value);
      if (value < LEAST_SSIM) tell(`SSIM ${value.toFixed(4)} to sharp alone`);
    }
  }
  return { problems, shared, alone: compared };
}

function differences(output: PixelOutput, mine: Metadata, theirs: Metadata): string[] {
  const name = JSON.stringify(output);
  return [
    ...(mine.hasAlpha === theirs.hasAlpha ? [] : [`${name}: alpha ${mine.hasAlpha}, sharp alone ${theirs.hasAlpha}`]),
    ...(Buffer.compare(mine.icc ?? Buffer.alloc(0), theirs.icc ?? Buffer.alloc(0)) === 0
      ? []
      : [`${name}: another profile`]),
  ];
}

async function ours(one: PixelCase, body: Buffer, outputs: readonly PixelOutput[]): Promise<readonly Rendition[]> {
  const recipe = resolveRecipe(recipeOf(one, outputs));
  return (await transform({ body, key: 'image', recipe, limits: limitsSchema.parse({ dimension: 65_535 }) }))
    .renditions;
}

/** Likeness of a still to a page of another file. */
async function likeness(still: Buffer, other: Buffer, page = 0): Promise<number> {
  const size = viewingSize(await sharp(still).metadata());
  const luma = async (from: Buffer, which: number) => ({
    data: await lumaPipeline(sharp(from, { page: which, limitInputPixels: false }), size).toBuffer(),
    ...size,
  });
  return ssim(await luma(still, 0), await luma(other, page));
}

/** Makes an output alone and beside others, and says what depends on them. */
export async function judgeNeighbours(one: PixelCase): Promise<readonly string[]> {
  const body = await sourceOf(one);
  const attempt = async (outputs: readonly PixelOutput[]): Promise<Rendition | string> => {
    try {
      return (await ours(one, body, outputs))[0] as Rendition;
    } catch (error) {
      if (error instanceof FanoutError) return error.name;
      throw error;
    }
  };
  const [first, ...others] = one.outputs.filter((output) => !tooMuch(one, output));
  if (first === undefined) return [];
  const [by, beside] = [await attempt([first]), await attempt([first, ...others])];
  if (typeof by === 'string' || typeof beside === 'string') {
    // The others may fail where this one does not.
    if (typeof by === 'string') return by === beside ? [] : [`alone ${by}, beside others ${shown(beside)}`];
    const failing = await Promise.all(others.map((other) => attempt([other])));
    return failing.includes(beside as string) ? [] : [`alone made, beside others ${shown(beside)}`];
  }
  if (by.width !== beside.width || by.height !== beside.height || by.pages !== beside.pages)
    return [`alone ${by.width} x ${by.height}, beside others ${beside.width} x ${beside.height}`];
  const value = await likeness(by.body, beside.body);
  return value >= LEAST_SSIM ? [] : [`SSIM ${value.toFixed(4)} alone to beside others`];
}

function shown(made: Rendition | string): string {
  return typeof made === 'string' ? made : `made, ${made.width} x ${made.height}`;
}
