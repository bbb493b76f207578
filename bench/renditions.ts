// Four widths in JPEG and WebP from camera photos: ours, against one pipeline per output, and against encoding alone from ready pixels.
import { readdirSync, readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { limitsSchema } from '../lambda/contract/limits.ts';
import { lumaPipeline, ssim, viewingSize } from '../lambda/image/ssim.ts';
import { type Rendition, type Transformed, transform } from '../lambda/image/transform.ts';
import { type Recipe, resolveRecipe } from '../lambda/recipe/recipe.ts';

const PHOTOS = new URL('../../shared/images/photos/', import.meta.url);
const WIDTHS = [320, 640, 1280, 1920];
const FORMATS = ['jpeg', 'webp'] as const;
const IN_FLIGHT = 4;
const ROUNDS = Number(process.argv[2] ?? 3);
const MOST_OF_ENCODING = 1.25;
const LEAST_OF_NAIVE = 1.5;
const LEAST_SSIM = 0.98;

const limits = limitsSchema.parse({});
const photos = await Promise.all(
  readdirSync(PHOTOS)
    .filter((name) => name.endsWith('.jpg'))
    .map(async (name) => {
      const body = readFileSync(new URL(name, PHOTOS));
      const { autoOrient } = await sharp(body).metadata();
      // A smaller photo gets four smaller widths: else several of its renditions would be one, encoded once, and the race unfair.
      const widths = WIDTHS.map((width) => Math.round(width * Math.min(1, autoOrient.width / Math.max(...WIDTHS))));
      return { name, body, widths, recipe: recipeOf(widths) };
    }),
);
type Photo = (typeof photos)[number];

function recipeOf(widths: number[]): Recipe {
  return resolveRecipe({ outputs: FORMATS.map((format) => ({ name: format, format, widths })) });
}

function resized(body: Buffer, width: number): Sharp {
  return sharp(body).autoOrient().resize({ width, withoutEnlargement: true });
}

function encoded(image: Sharp, format: (typeof FORMATS)[number]): Promise<Buffer> {
  return (format === 'jpeg' ? image.jpeg() : image.webp()).toBuffer();
}

async function naive({ body, widths }: Photo): Promise<Buffer[]> {
  return Promise.all(FORMATS.flatMap((format) => widths.map((width) => encoded(resized(body, width), format))));
}

async function ours({ name, body, recipe }: Photo): Promise<Transformed> {
  return transform({ body, key: name, recipe, limits });
}

type Ready = { data: Buffer; info: { width: number; height: number; channels: 1 | 2 | 3 | 4 } };

async function encodeAlone(ready: readonly Ready[]): Promise<Buffer[]> {
  return Promise.all(
    FORMATS.flatMap((format) =>
      ready.map(({ data, info: { width, height, channels } }) =>
        encoded(sharp(data, { raw: { width, height, channels } }), format),
      ),
    ),
  );
}

async function likeness(a: Buffer, b: Buffer): Promise<number> {
  const size = viewingSize(await sharp(a).metadata());
  const luma = async (body: Buffer) => ({ data: await lumaPipeline(sharp(body), size).toBuffer(), ...size });
  return ssim(await luma(a), await luma(b));
}

interface Spent {
  readonly cpu: number;
  readonly wall: number;
}

/** Does every photo, a few in flight as a run has them: milliseconds for all. */
async function race(work: (photo: Photo) => Promise<unknown>): Promise<Spent> {
  const start = performance.now();
  const before = process.cpuUsage();
  const queue = photos.values();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (const photo of queue) await work(photo);
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1000, wall: performance.now() - start };
}

const ready = new Map<string, Ready[]>();
for (const { name, body } of photos) {
  ready.set(
    name,
    await Promise.all(WIDTHS.map((width) => resized(body, width).raw().toBuffer({ resolveWithObject: true }))),
  );
}
const racers = {
  encoding: ({ name }: Photo) => encodeAlone(ready.get(name) as Ready[]),
  ours,
  naive,
};
const NOTHING: Spent = { cpu: 0, wall: 0 };
const names = Object.keys(racers) as (keyof typeof racers)[];
const totals = { encoding: NOTHING, ours: NOTHING, naive: NOTHING };
for (let round = 0; round < ROUNDS; round += 1) {
  // The order turns with the rounds, so that none always comes first.
  for (const turn of names.keys()) {
    const name = names[(turn + round) % names.length] as keyof typeof racers;
    const { cpu, wall } = await race(racers[name]);
    totals[name] = { cpu: totals[name].cpu + cpu, wall: totals[name].wall + wall };
  }
}

let worst = { ssim: 1, what: '' };
for (const { name, body, widths } of photos) {
  // The pixels are compared before the encoder: two WebP of nearly equal pixels are less alike than the pixels are.
  const { renditions } = await transform({ body, key: name, recipe: resolveRecipe({ format: 'png', widths }), limits });
  for (const [place, width] of widths.entries()) {
    const value = await likeness(await resized(body, width).png().toBuffer(), (renditions[place] as Rendition).body);
    if (value < worst.ssim) worst = { ssim: value, what: `${name} at ${width}` };
  }
}

// Judged by processor time: with several photos in flight all cores are busy, and a neighbour's load does not count.
const perPhoto = (name: keyof typeof totals, kind: keyof Spent = 'cpu'): number =>
  totals[name][kind] / ROUNDS / photos.length;
const [encoding, mine, apart] = [perPhoto('encoding'), perPhoto('ours'), perPhoto('naive')];
const verdicts: [string, string, boolean][] = [
  [
    'ours / encoding alone',
    `${(mine / encoding).toFixed(3)} (at most ${MOST_OF_ENCODING})`,
    mine / encoding <= MOST_OF_ENCODING,
  ],
  ['naive / ours', `${(apart / mine).toFixed(3)} (at least ${LEAST_OF_NAIVE})`, apart / mine >= LEAST_OF_NAIVE],
  [
    'least SSIM to the direct resize',
    `${worst.ssim.toFixed(4)} (at least ${LEAST_SSIM}), ${worst.what}`,
    worst.ssim >= LEAST_SSIM,
  ],
];
console.log(
  `${photos.length} photos, ${IN_FLIGHT} in flight, widths ${WIDTHS.join(', ')} in ${FORMATS.join(' and ')}, ${ROUNDS} rounds`,
);
for (const kind of ['cpu', 'wall'] as const) {
  const [alone, own, each] = names.map((name) => perPhoto(name, kind).toFixed(0));
  console.log(`${kind} milliseconds a photo: encoding alone ${alone}, ours ${own}, one pipeline per output ${each}`);
}
for (const [what, value, met] of verdicts) console.log(`${met ? 'met   ' : 'MISSED'} ${what}: ${value}`);
process.exitCode = verdicts.every(([, , met]) => met) ? 0 : 1;
