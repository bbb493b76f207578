// Four widths in JPEG and WebP from camera photos: ours, against one pipeline per output, and against encoding alone from ready pixels.
import { readdirSync, readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { lumaPipeline, ssim, viewingSize } from '../lambda/image/ssim.ts';
import { transform } from '../lambda/image/transform.ts';
import { limitsSchema } from '../lambda/limits.ts';
import { resolveRecipe } from '../lambda/recipe.ts';

const PHOTOS = new URL('../../shared/images/photos/', import.meta.url);
const WIDTHS = [320, 640, 1280, 1920];
const FORMATS = ['jpeg', 'webp'] as const;
const ROUNDS = Number(process.argv[2] ?? 3);
const MOST_OF_ENCODING = 1.25;
const LEAST_OF_NAIVE = 1.5;
const LEAST_SSIM = 0.98;

const recipe = resolveRecipe({ outputs: FORMATS.map((format) => ({ name: format, format, widths: WIDTHS })) });
const limits = limitsSchema.parse({});
const photos = readdirSync(PHOTOS)
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => ({ name, body: readFileSync(new URL(name, PHOTOS)) }));

function resized(body: Buffer, width: number): Sharp {
  return sharp(body).autoOrient().resize({ width, withoutEnlargement: true });
}

function encoded(image: Sharp, format: (typeof FORMATS)[number]): Promise<Buffer> {
  return (format === 'jpeg' ? image.jpeg() : image.webp()).toBuffer();
}

async function naive(body: Buffer): Promise<Buffer[]> {
  return Promise.all(FORMATS.flatMap((format) => WIDTHS.map((width) => encoded(resized(body, width), format))));
}

async function ours(name: string, body: Buffer): Promise<Buffer[]> {
  const { renditions } = await transform({ body, key: name, recipe, limits });
  return renditions.map((rendition) => rendition.body);
}

type Ready = { data: Buffer; info: { width: number; height: number; channels: 1 | 2 | 3 | 4 } };

async function encodeAlone(ready: readonly Ready[]): Promise<Buffer[]> {
  return Promise.all(FORMATS.flatMap((format) => ready.map(({ data, info: { width, height, channels } }) => encoded(sharp(data, { raw: { width, height, channels } }), format))));
}

async function likeness(a: Buffer, b: Buffer): Promise<number> {
  const size = viewingSize(await sharp(a).metadata());
  const luma = async (body: Buffer) => ({ data: await lumaPipeline(sharp(body), size).toBuffer(), ...size });
  return ssim(await luma(a), await luma(b));
}

async function timed<T>(totals: Map<string, number>, name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  totals.set(name, (totals.get(name) ?? 0) + performance.now() - start);
  return result;
}

const totals = new Map<string, number>();
let worst = { ssim: 1, what: '' };
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { name, body } of photos) {
    const ready = await Promise.all(WIDTHS.map((width) => resized(body, width).raw().toBuffer({ resolveWithObject: true })));
    // The order turns with the rounds, so that none always comes first.
    const works = [
      () => timed(totals, 'encoding', () => encodeAlone(ready)),
      () => timed(totals, 'ours', () => ours(name, body)),
      () => timed(totals, 'naive', () => naive(body)),
    ];
    for (let turn = 0; turn < works.length; turn += 1) await works[(turn + round) % works.length]?.();
  }
}
for (const { name, body } of photos) {
  const [mine, direct] = [await ours(name, body), await naive(body)];
  for (const [place, rendition] of mine.entries()) {
    const value = await likeness(direct[place] as Buffer, rendition);
    if (value < worst.ssim) worst = { ssim: value, what: `${name} ${recipe.outputs[place]?.name}` };
  }
}

const perPhoto = (name: string): number => (totals.get(name) ?? 0) / ROUNDS / photos.length;
const [encoding, mine, apart] = ['encoding', 'ours', 'naive'].map(perPhoto) as [number, number, number];
const verdicts: [string, string, boolean][] = [
  ['ours / encoding alone', `${(mine / encoding).toFixed(3)} (at most ${MOST_OF_ENCODING})`, mine / encoding <= MOST_OF_ENCODING],
  ['naive / ours', `${(apart / mine).toFixed(3)} (at least ${LEAST_OF_NAIVE})`, apart / mine >= LEAST_OF_NAIVE],
  ['least SSIM to the direct resize', `${worst.ssim.toFixed(4)} (at least ${LEAST_SSIM}), ${worst.what}`, worst.ssim >= LEAST_SSIM],
];
console.log(`${photos.length} photos, widths ${WIDTHS.join(', ')} in ${FORMATS.join(' and ')}, ${ROUNDS} rounds`);
console.log(`milliseconds a photo: encoding alone ${encoding.toFixed(0)}, ours ${mine.toFixed(0)}, one pipeline per output ${apart.toFixed(0)}`);
for (const [what, value, met] of verdicts) console.log(`${met ? 'met   ' : 'MISSED'} ${what}: ${value}`);
process.exitCode = verdicts.every(([, , met]) => met) ? 0 : 1;
