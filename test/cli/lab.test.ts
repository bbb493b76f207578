// `recipe lab` and `recipe check --out`: variants are recipes of their own, likeness is the image room's, the page works in a browser.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { createTransform } from '../../lambda/image/transform.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';
import { likeness, referencesOf } from '../../lib/cli/lab/likeness.ts';
import { variantsOf } from '../../lib/cli/lab/variants.ts';
import { axeProblems, haveBrowser, startBrowser } from '../helpers/browser.ts';
import { run } from './program.ts';

let root: string;
const at = (name: string) => join(root, name);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'image-fanout-lab-'));
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const create = { width: 400, height: 300, channels: 3, background: '#678', noise } as const;
  await writeFile(at('noise & <b>.jpg'), await sharp({ create }).jpeg({ quality: 95 }).toBuffer());
  const clear = { create: { width: 60, height: 60, channels: 4, background: '#f008' } } as const;
  await writeFile(at('clear.png'), await sharp(clear).png().toBuffer());
  await writeFile(
    at('recipe.json'),
    JSON.stringify({ resize: { width: 200 }, outputs: [{ name: 'page', format: 'jpeg', jpeg: { quality: 80 } }] }),
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('variants', () => {
  it('are whole recipes: each value with each, where the output says the field itself and else for all', () => {
    const given = {
      jpeg: { quality: 50 },
      outputs: [
        { name: 'a', format: 'jpeg' },
        { name: 'b', format: 'jpeg', jpeg: { mozjpeg: true } },
      ],
    };
    const variants = variantsOf(given, ['jpeg.quality=60,70', 'metadata=keep']);
    expect(variants.map(({ name }) => name)).toEqual([
      'as written',
      'jpeg.quality=60, metadata=keep',
      'jpeg.quality=70, metadata=keep',
    ]);
    const [, , last] = variants;
    expect(last?.recipe.outputs.map(({ encoders, metadata }) => [encoders.jpeg?.quality, metadata])).toEqual([
      [70, 'keep'],
      [70, 'keep'],
    ]);
    expect(resolveRecipe(last?.written)).toEqual(last?.recipe);
  });

  it('of a preset have its outputs, and one of those that differ by their format alone', () => {
    const [, webp] = variantsOf('web', ['format=webp']);
    expect(webp?.recipe.outputs.map(({ name, formats }) => `${name} ${formats}`)).toEqual([
      'avif-320 webp',
      'avif-640 webp',
      'avif-1024 webp',
      'avif-1600 webp',
    ]);
  });

  it('are refused by name: a field that is none, a value that is none, too many of them', () => {
    expect(() => variantsOf('web', ['quality'])).toThrow('--vary: expected FIELD=VALUE');
    expect(() => variantsOf('web', ['jpeg.qualty=1'])).toThrow(/--vary jpeg\.qualty=1: .*qualty/s);
    expect(() => variantsOf('web', ['jpeg.quality=1000'])).toThrow(/jpeg\.quality=1000/);
    const numbers = Array.from({ length: 41 }, (_, n) => n + 1).join();
    expect(() => variantsOf('web', [`jpeg.quality=${numbers}`])).toThrow('expected at most 40 variants, got 41');
  });
});

it('measures likeness as minSsim does', async () => {
  const recipe = resolveRecipe({ resize: { width: 200 }, outputs: [{ name: 'page', format: 'webp', minSsim: 0.93 }] });
  const input = { body: await readFile(at('noise & <b>.jpg')), key: 'x.jpg', recipe, limits: limitsSchema.parse({}) };
  const transform = createTransform();
  const [{ renditions }, references] = [await transform(input), await referencesOf(transform, input)];
  const reference = references.get('page');
  const [made] = renditions;
  if (reference === undefined || made === undefined) throw new Error('expected an output and its reference');
  expect(await likeness(reference, made.body)).toBe(made.ssim);
});

describe('recipe check --out', () => {
  it('writes the outputs, and none of them where one is there', async () => {
    const { code, stdout } = await run('recipe', 'check', at('recipe.json'), at('clear.png'), '--out', at('made'));
    expect(stdout).toContain(`Written to ${at('made')}.`);
    expect(code).toBe(0);
    expect((await sharp(at('made/clear.jpg')).metadata()).width).toBe(200);
    const again = await run('recipe', 'check', at('recipe.json'), at('clear.png'), '--out', at('made'));
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/OutputExists: clear\.jpg is in .*made already/);
  });
});

describe('recipe lab', () => {
  const make = (...more: string[]) =>
    run('recipe', 'lab', at('recipe.json'), at('noise & <b>.jpg'), at('clear.png'), ...more);

  it('writes over a page of its own, and over nothing else', async () => {
    const out = at('twice.html');
    expect(await make('--out', out)).toMatchObject({ code: 0, stdout: `${out}\n` });
    expect((await make('--out', out)).code).toBe(0);
    await writeFile(out, '<p>My own page');
    const refused = await make('--out', out);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is no page of image-fanout');
    expect(await readFile(out, 'utf8')).toBe('<p>My own page');
    expect((await make('--out', at('photo.jpg'))).stderr).toContain('--out: expected a file whose name ends in .html');
    expect(existsSync(at('photo.jpg'))).toBe(false);
  });

  it.skipIf(!haveBrowser)('shows all variants side by side, with slider, zoom, curve and recipes to copy', async () => {
    const out = at('lab.html');
    const made = await make('--vary', 'format=jpeg,webp', '--vary', 'jpeg.quality=40,80', '--out', out);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    await using browser = await startBrowser();
    const { page, complaints, requests } = await browser.open(out);
    expect(await page.locator('h2').allInnerTexts()).toEqual(['Variants', 'noise & <b>.jpg', 'clear.png']);
    const viewer = page.locator('.viewer').first();
    const right = viewer.locator('select[data-side=after]');
    // As written is jpeg 80; jpeg 40; and webp once, as jpeg's quality is nothing to it.
    expect(await right.locator('option').count()).toBe(4);
    const source = () => viewer.locator('img.after').getAttribute('src');
    const before = await source();
    await right.selectOption({ index: 2 });
    expect(await source()).not.toBe(before);
    await viewer.getByLabel('Zoom').fill('6');
    expect(await viewer.locator('.frame').getAttribute('class')).toContain('pixels');
    expect(await page.locator('.curve circle').count()).toBe(6);
    const recipe = await page
      .locator('.command code')
      .last()
      .evaluate((one) => one.textContent as string);
    expect(resolveRecipe(JSON.parse(recipe)).outputs[0]?.formats).toEqual(['webp']);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    expect(await axeProblems(page)).toEqual([]);
    const phone = await browser.open(out, { width: 390, scheme: 'dark' });
    expect(await phone.page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(await axeProblems(phone.page)).toEqual([]);
  });
});
