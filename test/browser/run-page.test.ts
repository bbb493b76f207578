// The page of a run in a real browser: opens without an error or a request, sorts, filters, slides, whatever the keys say.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MOST_PAGE_BYTES } from '../../lambda/report/page/page.ts';
import { printable } from '../../lambda/report/printable.ts';
import { axeProblems, type Browser, haveBrowser, startBrowser } from '../helpers/browser.ts';
import { HOSTILE_KEYS, type HostileRun, hostileRun } from '../helpers/hostile-run.ts';

/** Decodes each picture, also those that are not in sight. */
const DECODE = `Promise.all([...document.images].map((image) => {
  image.loading = 'eager';
  return image.decode().catch(() => {});
}))`;

describe.skipIf(!haveBrowser)('the page of a run of 2,000 keys, 40 failures of ten classes', () => {
  let browser: Browser;
  let run: HostileRun;
  beforeAll(async () => {
    [browser, run] = await Promise.all([startBrowser(), hostileRun()]);
  }, 600_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await run?.[Symbol.asyncDispose]();
  });

  it('is of the run that it should be', () => {
    expect(run.summary.counts).toEqual({ total: 2000, succeeded: 1955, skipped: 5, failed: 40, pending: 0 });
    expect(run.summary.errors.length).toBe(10);
  });

  it('opens from disk without an error or a request, and shows what the summary has', async () => {
    const { page, complaints, requests } = await browser.open(run.page);
    const size = (await readFile(run.page)).length;
    expect(size).toBeLessThan(MOST_PAGE_BYTES);
    // Everything is scrolled to once, so that each picture is decoded.
    await page.evaluate(DECODE);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    expect(await page.evaluate('globalThis.pwned')).toBeUndefined();
    expect(await page.locator('h1').innerText()).toBe(
      'Done, with failures: 1,955 of 2,000 keys succeeded, 5 skipped, 40 failed',
    );
    const numbers = await page
      .locator('data[data-path]')
      .evaluateAll((all) =>
        all.map((one) => [String(one.getAttribute('data-path')), Number(one.getAttribute('value'))] as const),
      );
    expect(numbers.length).toBeGreaterThan(60);
    for (const [path, value] of numbers) {
      const of = path
        .split('.')
        .reduce<unknown>((at: unknown, name: string) => (at as Record<string, unknown>)[name], run.summary);
      expect([path, value]).toEqual([path, of]);
    }
    await page.close();
  });

  it('has a picture for each sampled key that it shows, and all of them can be decoded', async () => {
    const { page } = await browser.open(run.page);
    await page.evaluate(DECODE);
    const pictures = await page.locator('.card img').evaluateAll((all) => all.map((one) => one.naturalWidth as number));
    expect(pictures.length).toBeGreaterThan(10);
    expect(pictures.filter((width) => width === 0)).toEqual([]);
    await page.close();
  });

  it('filters by text and by state, and sorts by each column, both ways', async () => {
    const { page, complaints } = await browser.open(run.page);
    const rows = page.locator('#keys-table tbody tr:visible');
    await page.getByLabel('Filter by state').selectOption('failed');
    expect(await rows.count()).toBe(40);
    await page.getByLabel('Filter by text').fill('cut.jpg');
    expect(await rows.count()).toBe(4);
    await expect.poll(() => page.locator('.filters [role=status]').innerText()).toMatch(/^4 of 1,\d\d\d rows$/);
    await page.getByLabel('Filter by text').fill('');
    await page.getByLabel('Filter by reason').selectOption('TooManyPixels');
    expect(await rows.count()).toBe(4);
    await page.getByLabel('Filter by reason').selectOption('');
    await page.getByLabel('Filter by state').selectOption('');
    const column = async (place: number) =>
      await rows
        .locator(`td:nth-child(${place})`)
        .evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute('data-v'))));
    const took = page.getByRole('columnheader', { name: 'Took' }).last();
    await took.getByRole('button').click();
    const up = await column(10);
    expect(up).toEqual([...up].sort((a, b) => a - b));
    expect(await took.getAttribute('aria-sort')).toBe('ascending');
    await took.getByRole('button').press('Enter');
    expect(await column(10)).toEqual([...up].sort((a, b) => b - a));
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('slides between before and after by the keyboard and by the pointer', async () => {
    const { page } = await browser.open(run.page);
    const compare = page.locator('.compare').first();
    const slider = compare.locator('input');
    const at = () => compare.evaluate((one) => one.style.getPropertyValue('--at') as string);
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    expect(await at()).toBe('51%');
    await page.keyboard.press('Home');
    expect(await at()).toBe('0%');
    const box = await slider.boundingBox();
    if (box === null) throw new Error('expected a slider that is seen');
    await page.mouse.click(box.x + box.width * 0.75, box.y + box.height / 2);
    expect(Number.parseInt(await at(), 10)).toBeGreaterThan(65);
    await page.close();
  });

  it('shows hostile keys as text', async () => {
    const { page } = await browser.open(run.page);
    const shown = await page.locator('bdi').allInnerTexts();
    const text = shown.join('\u0000');
    // Of 1,955 good keys the table has a sample; the slowest and the extremes are not chosen by name.
    const there = HOSTILE_KEYS.filter((key) => text.includes(printable(key).trim()));
    expect(there.length).toBeGreaterThan(3);
    expect(await page.locator('script').count()).toBe(1);
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has nothing serious to be found by axe in %s', async (scheme) => {
    const { page } = await browser.open(run.page, { scheme });
    await page.locator('details').evaluateAll((all) => {
      for (const one of all) one.open = true;
    });
    expect(await axeProblems(page)).toEqual([]);
    await page.close();
  });

  it('fits a phone of 390 pixels, and paper', async () => {
    const { page, complaints } = await browser.open(run.page, { width: 390 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.filters').isVisible()).toBe(false);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
