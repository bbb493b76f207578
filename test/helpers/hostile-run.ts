// A run that a page has to stand: 2,000 keys, 40 failures of ten classes, animations, transparency, and keys that would like to be markup.
import { randomFillSync } from 'node:crypto';
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { SAMPLES } from '../../examples/samples/catalogue.ts';
import { directoryLocation } from '../../lambda/contract/location.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import type { Summary } from '../../lambda/report/summary.ts';
import { openStores } from '../../lambda/store/open.ts';
import { runJob } from '../end-to-end/job-run.ts';

/** Keys below the source; each is the name of a good image. */
export const HOSTILE_KEYS = [
  `quotes/"double" and 'single'.jpg`,
  '<script>window.pwned=1</script>.jpg',
  '"><img src=x onerror=window.pwned=1>.jpg',
  "javascript:window.pwned=1'.jpg",
  'rtl/\u202egpj.exe.jpg',
  'rtl/صورة العائلة.jpg',
  'emoji/👩‍👩‍👧‍👦🏝️.jpg',
  'lines/first\nsecond\r\n<b>third.jpg',
  'entities/&lt;b&gt; &amp; &#60;.jpg',
  'templates/{{window.pwned=1}} `x` $' + '{window.pwned=1}.jpg',
  ' spaces  .jpg',
  `long/${'ä'.repeat(110)}.jpg`,
];

const TOTAL = 2000;
const FAILURES = 40;

const JOB = {
  recipe: {
    resize: { width: 300, withoutEnlargement: true },
    outputs: [
      { name: 'small', format: 'webp', webp: { quality: 70, effort: 0 }, key: '{dir}{name}.{format}' },
      {
        name: 'corner',
        format: 'jpeg',
        extract: { left: 0, top: 0, width: 40, height: 40 },
        key: '{dir}{name}-corner.{format}',
      },
    ],
  },
  toleratedFailureCount: FAILURES,
  maxConcurrency: 8,
  include: '**',
  exclude: '*.txt',
  limits: { bytes: 600_000, pixels: 4_000_000, frames: 20 },
} as unknown as JobInput;

export interface HostileRun extends AsyncDisposable {
  readonly summary: Summary;
  /** The page's path. */
  readonly page: string;
}

/** Makes the sources and runs the job, for real. */
export async function hostileRun(): Promise<HostileRun> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-hostile-'));
  const put = async (key: string, body: Uint8Array | string) => {
    await mkdir(dirname(join(root, 'source', key)), { recursive: true });
    await writeFile(join(root, 'source', key), body);
  };
  const bases = await baseImages(put);
  let files = bases.length;
  const linkTo = async (key: string) => {
    const to = join(root, 'source', key);
    await mkdir(dirname(to), { recursive: true });
    await link(join(root, 'source', bases[files % bases.length] ?? ''), to);
    files++;
  };
  for (const key of HOSTILE_KEYS) await linkTo(key);
  files += await failingImages(put, join(root, 'out'));
  for (let n = 0; n < 5; n++) await put(`notes/${n}.txt`, 'not meant');
  files += 5;
  for (let n = 0; files < TOTAL; n++) {
    const extension = bases[files % bases.length]?.split('.').at(-1);
    await linkTo(
      `albums/${String(Math.floor(n / 100)).padStart(2, '0')}/IMG_${String(n).padStart(4, '0')}.${extension}`,
    );
  }
  const stores = openStores();
  try {
    const where = {
      source: directoryLocation(join(root, 'source')),
      destination: directoryLocation(join(root, 'out')),
      open: stores.open,
    };
    const { summary } = await runJob(where, JOB);
    return {
      summary,
      page: summary.page ?? '',
      [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
    };
  } finally {
    await stores.close();
  }
}

/** The demo's samples, small. */
async function baseImages(put: (key: string, body: Uint8Array) => Promise<void>): Promise<string[]> {
  const names: string[] = [];
  for (const { path, bytes } of SAMPLES) {
    const moving = /spinner|turning/.test(path);
    if (!moving && !/^(camera|web|print)\/.*\.(jpe?g|png|webp)$/i.test(path)) continue;
    if (path.includes('pixel') || path.includes('16-bit')) continue;
    const key = `base/${path.split('/').at(-1)}`;
    const image = sharp(await bytes(), { animated: moving });
    await put(key, await (moving ? image : image.resize({ width: 420, withoutEnlargement: true })).toBuffer());
    names.push(key);
  }
  return names;
}

/** Four failures of each of ten classes; answers how many files that is. */
async function failingImages(
  put: (key: string, body: Uint8Array | string) => Promise<void>,
  out: string,
): Promise<number> {
  const plain = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: '#678' } });
  const photo = await SAMPLES.find(({ path }) => path === 'camera/progressive.jpg')?.bytes();
  if (photo === undefined) throw new Error('expected the sample camera/progressive.jpg, found none');
  const photoSmall = await sharp(photo).resize(640).jpeg({ quality: 90 }).toBuffer();
  const frames = Buffer.alloc(8 * 8 * 24 * 3, 0).map((_, place) => Math.floor(place / 192) * 10);
  const moving = await sharp(frames, { raw: { width: 8, height: 192, channels: 3, pageHeight: 8 } })
    .gif()
    .toBuffer();
  const good = await plain(64, 64).jpeg().toBuffer();
  let files = 0;
  for (let n = 0; n < 4; n++) {
    const bad: Record<string, Uint8Array | string> = {
      'page.jpg': `<!doctype html><title>404 Not Found</title><p>No such image ${n}`,
      'cut.jpg': photoSmall.subarray(0, Math.round(photoSmall.length * (0.3 + n / 10))),
      'drawing.svg': `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="${n}"`,
      'surface.dds': `DDS ${'\0'.repeat(200)}`,
      'poster.png': await plain(2400 + n, 1800)
        .png()
        .toBuffer(),
      'raw.jpg': Buffer.concat([good, randomFillSync(Buffer.alloc(700_000))]),
      'long.gif': moving,
      'twin.jpg': good,
      'twin.png': await plain(65, 65).png().toBuffer(),
      'taken.jpg': good,
      'stamp.jpg': await plain(20 + n, 20)
        .jpeg()
        .toBuffer(),
    };
    for (const [name, body] of Object.entries(bad)) {
      await put(`broken/${n}/${name}`, body);
      files++;
    }
    await mkdir(join(out, `broken/${n}`), { recursive: true });
    await writeFile(join(out, `broken/${n}/taken.webp`), 'not ours');
  }
  return files;
}
