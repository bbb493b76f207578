// Decoded pixels beside those of Pillow, over the real files of public test suites. Needs scripts/judges.sh; skipped without it, but not in CI.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Decoded, FIRST, notRead } from '../../../../lambda/image/decoders/decoder.ts';
import { decoderFor, decoderOf } from '../../../../lambda/image/decoders/decoders.ts';

const VENV = resolve(import.meta.dirname, '../../../../.venv');
const SUITE = join(VENV, 'judged');
const SHARED = resolve(import.meta.dirname, '../../../../../shared/images');
const SHARED_FILES = ['avif-heic/IMG_5195.HEIC', 'avif-heic/sample.heic', 'avif-heic/samplefilehub.heif']
  .concat(['unsupported/relax.jp2', 'unsupported/sample.jxl', 'unsupported/small.bmp', 'unsupported/favicon.ico'])
  .map((name) => join(SHARED, name));

/** Files about which Pillow is wrong, or which are damaged on purpose, with what speaks for us. */
const KNOWN: Readonly<Record<string, string>> = {
  'L_10__128x128.heif': 'Pillow cuts 10 bits of grey; ImageMagick agrees with us',
  'L_10__29x100.heif': 'the same',
  'L_12__128x128.heif': 'the same',
  'L_12__29x100.heif': 'the same',
  'badrle.bmp': 'damaged: what the file leaves out is free',
  'mmap_error.bmp': 'damaged: fewer bytes than its size',
  'small.bmp': 'Pillow gives the unused fourth byte as alpha, which is 0 everywhere',
  'rgb32bf-abgr.bmp': 'the same',
  'invalid_id.heic': 'Pillow reads another item; ImageMagick agrees with us',
  'rgba.psd': 'Pillow leaves the white in',
  'cropped_traffic_light.jxl': "Pillow's plugin shows another frame; djxl agrees with us",
};

const isThere = existsSync(join(SUITE, '.whole')) && existsSync(SHARED);
if (!isThere && process.env['CI'] === undefined)
  console.warn(`skipped: expected ${SUITE} and ${SHARED}; run scripts/judges.sh`);

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'image-fanout-judged-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe.skipIf(!isThere && process.env['CI'] === undefined)('decoders, judged by Pillow', () => {
  it('make the same pixels of all that both read', { timeout: 300_000 }, async () => {
    const suite = readdirSync(SUITE).filter((name) => !name.startsWith('.'));
    const paths = [...suite.map((name) => join(SUITE, name)), ...SHARED_FILES];
    const opinions = judge(paths);
    const differing: string[] = [];
    const compared: Record<string, number> = {};
    for (const [place, path] of paths.entries()) {
      const name = path.split('/').at(-1) as string;
      const opinion = opinions[place];
      const made = await decode(path);
      if (made === undefined || opinion === undefined || 'error' in opinion || name in KNOWN) continue;
      compared[made.format] = (compared[made.format] ?? 0) + 1;
      const problem = await difference(made.decoded, join(work, `${place}.png`));
      if (problem !== undefined) differing.push(`${name}: ${problem}`);
    }
    expect(differing).toEqual([]);
    for (const [format, least] of Object.entries({ heic: 20, jxl: 3, jp2: 8, bmp: 20, ico: 5, psd: 3 })) {
      expect(compared[format] ?? 0, format).toBeGreaterThanOrEqual(least);
    }
  });

  it('read what Pillow reads, or say by name why not', { timeout: 300_000 }, async () => {
    const unnamed: string[] = [];
    for (const name of readdirSync(SUITE).filter((entry) => !entry.startsWith('.'))) {
      const body = readFileSync(join(SUITE, name));
      const decoder = decoderOf(body);
      await decoder?.decode(body, smallOnly, FIRST).catch((error: Error) => {
        if (!/^(FanoutError|CorruptImage|TruncatedImage|UnsupportedImage)$/.test(error.name))
          unnamed.push(`${name}: ${error.stack}`);
      });
    }
    // What a package throws becomes damage in readSource; here nothing may be but that.
    expect(unnamed.filter((text) => !/RangeError|JXL|jxl|wasm/i.test(text))).toEqual([]);
  });
});

function smallOnly(width: number, height: number): void {
  if (width * height > 10_000_000) throw notRead('a test', 'so many pixels', 'at most 10 million');
}

type Opinion = { readonly width: number; readonly height: number } | { readonly error: string };

function judge(paths: readonly string[]): Opinion[] {
  const input = paths.map((path, place) => JSON.stringify([path, join(work, `${place}.png`)])).join('\n');
  const script = resolve(import.meta.dirname, '../../../helpers/judge.py');
  const run = spawnSync(join(VENV, 'bin/python'), [script], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Opinion);
}

async function decode(path: string): Promise<{ readonly format: string; readonly decoded: Decoded } | undefined> {
  const body = readFileSync(path);
  const decoder = decoderFor(decoderOf(body)?.format ?? '');
  const decoded = await decoder?.decode(body, smallOnly, FIRST).catch(() => undefined);
  return decoder === undefined || decoded === undefined ? undefined : { format: decoder.format, decoded };
}

/** What differs: the size, the mean of all pixels, or the mean of a flat block of 16 pixels. Values are compared as they are in the file. */
async function difference({ body, format }: Decoded, judged: string): Promise<string | undefined> {
  const raw = async (input: Buffer | string) => {
    const image = sharp(input, { limitInputPixels: false, failOn: 'none' });
    return (format === 'tiff' ? image : image.keepIccProfile())
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  };
  const [ours, theirs] = [await raw(body), await raw(judged)];
  const [a, b] = [ours.info, theirs.info];
  if (a.width !== b.width || a.height !== b.height) {
    return `${a.width} x ${a.height}, Pillow says ${b.width} x ${b.height}`;
  }
  const { flat, mean } = differences(ours.data, theirs.data, a.width, a.height);
  if (mean > 1) return `differs by ${mean.toFixed(2)} levels in the mean`;
  return flat > 2 ? `a flat block of 16 x 16 pixels differs by ${flat.toFixed(1)} levels` : undefined;
}

/** In levels: the mean over everything, and the worst mean of a block whose values lie within 16 levels of each other. */
function differences(
  a: Buffer,
  b: Buffer,
  width: number,
  height: number,
): { readonly flat: number; readonly mean: number } {
  let flat = 0;
  let total = 0;
  for (let top = 0; top < height; top += 16) {
    for (let left = 0; left < width; left += 16) {
      const [right, bottom] = [Math.min(left + 16, width), Math.min(top + 16, height)];
      for (let channel = 0; channel < 4; channel++) {
        let [sum, least, most] = [0, 255, 0];
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) {
            const at = (y * width + x) * 4;
            // What is wholly transparent may have any colour.
            if (a[at + 3] === 0 && b[at + 3] === 0) continue;
            const [mine, other] = [a[at + channel] ?? 0, b[at + channel] ?? 0];
            sum += mine - other;
            total += Math.abs(mine - other);
            least = Math.min(least, other);
            most = Math.max(most, other);
          }
        }
        // The last column may be one of which no other tells its chroma.
        const whole = right - left === 16 && bottom - top === 16;
        if (whole && most - least <= 16) flat = Math.max(flat, Math.abs(sum) / ((right - left) * (bottom - top)));
      }
    }
  }
  return { flat, mean: total / (width * height * 4) };
}
