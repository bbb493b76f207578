// `recipe snippet`: a <picture> per crop that a browser takes, from one manifest or from all of a run; and the combined manifest.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { haveBrowser, startBrowser } from '../helpers/browser.ts';
import { run } from './program.ts';

const KEYS = ['a, b/"quoted" & <b>--x.jpg', 'plain.jpg'];

let root: string;
let out: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'image-fanout-snippet-'));
  out = join(root, 'out');
  await mkdir(join(root, 'source/a, b'), { recursive: true });
  for (const key of KEYS) {
    const image = sharp({ create: { width: 300, height: 200, channels: 3, background: 'teal' } });
    await writeFile(join(root, 'source', key), await image.jpeg().toBuffer());
  }
  const recipe = {
    key: '{dir}{name}/{output}.{format}',
    placeholder: true,
    manifest: { key: '{dir}{name}/manifest.json' },
    outputs: [
      { name: 'wide', format: 'webp', widths: [60, 120] },
      { name: 'wide-jpeg', format: 'jpeg', widths: [60, 120] },
      { name: 'square', format: 'jpeg', resize: { width: 50, height: 50, fit: 'cover' } },
    ],
  };
  await writeFile(join(root, 'recipe.json'), JSON.stringify(recipe));
  const { code, stderr } = await run('run', join(root, 'source'), out, '--recipe', join(root, 'recipe.json'));
  expect({ code, stderr }).toMatchObject({ code: 0 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

const manifestOf = (name: string) => join(out, name, 'manifest.json');

describe('recipe snippet', () => {
  it('makes one element per crop of an image, the most widely read format last, and the placeholder', async () => {
    const { stdout, code } = await run(
      'recipe',
      'snippet',
      manifestOf('plain'),
      '--alt',
      'A "teal" thing',
      '--base',
      'https://x.example/',
    );
    expect(code).toBe(0);
    const [wide = '', square = ''] = stdout.split('</picture>');
    expect(wide).toContain(
      '<source type="image/webp" srcset="https://x.example/wide-60.webp 60w, https://x.example/wide-120.webp 120w"',
    );
    expect(wide).toMatch(
      /<img src="https:\/\/x\.example\/wide-jpeg-120\.jpg" .* width="120" height="80" alt="A &quot;teal&quot; thing"/,
    );
    expect(wide).not.toContain('square');
    expect(square).toMatch(
      /<picture>\s+<img src="https:\/\/x\.example\/square\.jpg" srcset="https:\/\/x\.example\/square\.jpg 50w"/,
    );
    const { placeholder } = JSON.parse(await readFile(manifestOf('plain'), 'utf8'));
    expect(wide).toContain(`style="background: ${placeholder.dominant}" data-thumbhash="${placeholder.thumbHash}"`);
  });

  it('of a run has every image, what was up to date among them, keys never as markup', async () => {
    const first = await run('recipe', 'snippet', out);
    expect(first.stdout.match(/<picture>/g)).toHaveLength(4);
    expect(first.stdout).not.toContain('<b>');
    expect(first.stdout.match(/-->/g)).toHaveLength(2);
    await run('run', join(root, 'source'), out, '--recipe', join(root, 'recipe.json'));
    expect((await run('recipe', 'snippet', out)).stdout).toBe(first.stdout);
  });

  it('combines all manifests of a run into one, paths below the destination', async () => {
    const { stdout } = await run('recipe', 'snippet', out, '--json');
    const { images } = JSON.parse(stdout);
    expect(Object.keys(images)).toEqual(KEYS);
    const [hostile] = KEYS;
    const { sources, outputs } = images[hostile ?? ''];
    expect(sources[0].srcset).toBe(
      'a%2C%20b/%22quoted%22%20%26%20%3Cb%3E--x/wide-60.webp 60w, a%2C%20b/%22quoted%22%20%26%20%3Cb%3E--x/wide-120.webp 120w',
    );
    for (const { path } of outputs) expect((await readFile(join(out, path))).length).toBeGreaterThan(0);
    expect(sources.map(({ crop }: { crop: number }) => crop)).toEqual([0, 0, 1]);
  });

  it('names what is no manifest, and a run without any', async () => {
    await writeFile(join(root, 'other.json'), '{"sources": 1}');
    expect((await run('recipe', 'snippet', join(root, 'other.json'))).stderr).toContain(
      'expected the manifest of an image in',
    );
    await run('run', join(root, 'source'), join(root, 'thumbs'), '--recipe', 'thumbnail');
    const { code, stderr } = await run('recipe', 'snippet', join(root, 'thumbs'));
    expect(code).toBe(1);
    expect(stderr).toContain('expected a run whose recipe has a manifest, as web has, got one of thumbnail without');
  });

  it.skipIf(!haveBrowser)('is what a browser chooses from', async () => {
    const { stdout } = await run('recipe', 'snippet', out, '--sizes', '50px');
    const file = join(out, 'page.html');
    await writeFile(
      file,
      `<!doctype html><meta charset="utf-8"><title>x</title>${stdout.replaceAll('loading="lazy"', '')}`,
    );
    await using browser = await startBrowser();
    const { page, complaints } = await browser.open(file);
    await page.waitForFunction('[...document.images].every((image) => image.complete)');
    const seen = await page
      .locator('img')
      .evaluateAll((all) => all.map((one) => [one.currentSrc.split('/').at(-1), one.naturalWidth > 0]));
    expect(seen).toEqual([
      ['wide-60.webp', true],
      ['square.jpg', true],
      ['wide-60.webp', true],
      ['square.jpg', true],
    ]);
    expect(complaints).toEqual([]);
  });
});
