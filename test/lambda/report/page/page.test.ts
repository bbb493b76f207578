// The page of a run: written with its account, its numbers those of summary.json, whole without its pictures and for whatever keys.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ERROR_CLASSES, type ErrorName } from '../../../../lambda/contract/errors.ts';
import { directoryLocation } from '../../../../lambda/contract/location.ts';
import type { Outcome } from '../../../../lambda/contract/outcome.ts';
import { writeAccount } from '../../../../lambda/report/account.ts';
import { MOST_PAGE_BYTES } from '../../../../lambda/report/page/page.ts';
import { openStores } from '../../../../lambda/store/open.ts';
import { createThumbnail } from '../../../../lib/cli/thumbnail.ts';
import { childRecord, failed, putAttempt, succeeded, type TestRun, testRun } from '../run-folders.ts';

/** Every number that says which of the summary's it is. */
function numbersOn(page: string): [path: string, value: number][] {
  return [...page.matchAll(/<data value="([^"]*)" data-path="([^"]*)">/g)].map(([, value, path = '']) => [
    path,
    Number(value),
  ]);
}

function at(summary: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], summary);
}

function pageOf(run: TestRun): { page: string; summary: unknown } {
  return { page: run.read('report.html'), summary: JSON.parse(run.read('summary.json')) };
}

const CLASSES = Object.keys(ERROR_CLASSES) as ErrorName[];

const outcomes: Outcome[] = [
  ...Array.from({ length: 40 }, (_, index) => succeeded(index, `a/${index}.jpg`, 1000 * (index + 1))),
  failed(40, 'b.jpg', 'TruncatedImage', 'b.jpg ends after 10 of 20 kB'),
  failed(41, 'c.jpg', 'Throttled', 'c.jpg: slow down'),
  { status: 'skipped', index: 42, key: 'd.txt', reason: 'notIncluded' },
  { status: 'pending', index: 43, key: 'e.jpg' },
];

describe('the page of a run', () => {
  it('has the numbers of summary.json, counts, bytes, times, price and groups among them', async () => {
    const run = testRun({ toleratedFailureCount: 9, results: { bucket: 'results', prefix: 'runs/x/' } });
    putAttempt(
      run,
      outcomes.map((outcome, second) => childRecord([outcome], second)),
    );
    const made = await writeAccount({ ...run, status: 'SUCCEEDED', cpuMilliseconds: 99 });
    const { page, summary } = pageOf(run);
    const numbers = numbersOn(page);
    for (const [path, value] of numbers) expect([path, value]).toEqual([path, at(summary, path)]);
    const told = new Set(numbers.map(([path]) => path));
    for (const path of [
      ...[
        'counts.total',
        'counts.succeeded',
        'counts.failed',
        'counts.skipped',
        'counts.pending',
        'skipped.notIncluded',
      ],
      ...[
        'bytes.in',
        'bytes.out',
        'outputs.written',
        'outputs.upToDate',
        'time.wallMilliseconds',
        'time.cpuMilliseconds',
      ],
      ...['throughput.keysPerSecond', 'price.total', 'errors.0.count', 'errors.1.count', 'milliseconds.total.p99'],
      ...['milliseconds.read.p50', 'slowest.0.milliseconds', 'largest.0.bytes', 'formats.0.keys', 'renditions.0.bytes'],
    ]) {
      expect(told, path).toContain(path);
    }
    expect(made.page).toMatch(/report\.html$/);
    expect(page).toContain('The file ends too early; upload it again');
    expect(page).toContain('npx image-fanout redrive run-1');
  });

  it('counts each key in its groups once: formats, outputs and distribution agree with the totals', async () => {
    const run = testRun({ toleratedFailureCount: 9 });
    putAttempt(
      run,
      outcomes.map((outcome, second) => childRecord([outcome], second)),
    );
    const { counts, bytes, outputs, formats, renditions, distribution, largest, attempts } = await writeAccount({
      ...run,
      status: 'SUCCEEDED',
    });
    const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
    expect(sum(formats.map(({ keys }) => keys))).toBe(counts.succeeded);
    expect(sum(formats.map(({ bytesIn }) => bytesIn))).toBe(bytes.in);
    expect(sum(renditions.map((one) => one.bytes))).toBe(bytes.out);
    expect(sum(renditions.map(({ written }) => written))).toBe(outputs.written);
    expect(sum(distribution.total)).toBe(counts.succeeded);
    expect(largest.map((one) => one.bytes)).toEqual([40, 39, 38, 37, 36, 35, 34, 33, 32, 31].map((n) => n * 1000));
    expect(sum(attempts[0]?.timeline?.keys ?? [])).toBe(counts.total - counts.pending);
    expect(sum(attempts[0]?.timeline?.failed ?? [])).toBe(counts.failed);
  });

  it('loads and runs nothing but its own style and script, by digest, whatever the keys, messages and recipes say', async () => {
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'\u202e\n&#60;`;
    const run = testRun({ toleratedFailureCount: 9, preset: evil });
    putAttempt(run, [
      childRecord([failed(0, evil, 'CorruptImage', evil)], 1),
      childRecord([{ ...succeeded(1, evil), source: { etag: 'x', bytes: 1, format: evil } }], 2),
      childRecord([{ ...succeeded(2, 'x.jpg'), outputs: [{ name: evil, key: evil, bytes: 1, format: evil }] }], 3),
    ]);
    await writeAccount({ ...run, status: 'FAILED', error: evil, cause: evil, versions: { [evil]: evil } });
    const { page } = pageOf(run);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/<img src=x|onerror=alert\(1\)>/);
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', "'");
    expect(policy).toMatch(
      /^default-src 'none'; img-src data:; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/,
    );
    expect(page.slice(page.indexOf('</style>'))).not.toMatch(/\sstyle=|\son\w+="|https?:\/\/(?!www\.w3\.org)[^<"]*"/);
  });

  it('shows sources beside outputs, inputs that failed, and what their first bytes are', async () => {
    const run = testRun({ toleratedFailureCount: 9 });
    const at = directoryLocation(run.root);
    const files = join(run.root, 'files');
    mkdirSync(files);
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const large = await sharp({ create: { width: 900, height: 600, channels: 3, background: 'red', noise } })
      .jpeg({ quality: 95 })
      .toBuffer();
    const small = await sharp(large).resize(90).webp().toBuffer();
    writeFileSync(join(files, 'large.jpg'), large);
    writeFileSync(join(files, 'small.webp'), small);
    writeFileSync(join(files, 'cut.jpg'), large.subarray(0, large.length / 2));
    writeFileSync(join(files, 'page.jpg'), '<html>not an image</html>');
    const done: Outcome = {
      ...succeeded(0, 'files/large.jpg', large.length),
      source: { etag: 'x', bytes: large.length, format: 'jpeg', width: 900, height: 600 },
      outputs: [{ name: 'small', key: 'files/small.webp', bytes: small.length, format: 'webp', width: 90, height: 60 }],
    };
    putAttempt(run, [
      childRecord([done], 1),
      childRecord([failed(1, 'files/cut.jpg', 'TruncatedImage')], 2),
      childRecord([{ ...failed(2, 'files/page.jpg', 'NotAnImage'), source: { etag: 'x', bytes: 25 } }], 3),
      childRecord([failed(3, 'files/gone.jpg', 'SourceNotFound')], 4),
    ]);
    const stores = openStores();
    const job = { ...run.job, source: at, destination: at };
    const options = { ...run, job, status: 'SUCCEEDED' as const };
    // As on AWS, where nothing makes thumbnails.
    await writeAccount({ ...options, pictures: { open: stores.open } });
    const plain = pageOf(run).page;
    expect(plain).toContain(`data:image/webp;base64,${small.toString('base64')}`);
    expect(plain).toContain('is not in this page');
    await writeAccount({ ...options, pictures: { open: stores.open, thumbnail: createThumbnail() } });
    const { page } = pageOf(run);
    await stores.close();
    expect(page).toContain(`data:image/webp;base64,${small.toString('base64')}`);
    expect(page).toContain('aria-label="Before and after: files/large.jpg"');
    expect(page).toContain('alt="Input files/cut.jpg, as far as it can be shown"');
    expect(page).toContain('&lt;html&gt;not an image&lt;/html&gt;');
    expect(page).toContain('cannot be read');
  });

  it('stays below its bound for the longest keys and messages in any number', async () => {
    const run = testRun({ toleratedFailureCount: 100_000 });
    const long = (index: number) => `${String(index).padStart(5, '0')}${'"'.repeat(1019)}`;
    putAttempt(
      run,
      Array.from({ length: 3000 }, (_, index) =>
        childRecord(
          [
            index % 2 === 0
              ? failed(index, long(index), CLASSES[index % CLASSES.length], '"'.repeat(1900))
              : succeeded(index, long(index)),
          ],
          index,
        ),
      ),
    );
    await writeAccount({ ...run, status: 'SUCCEEDED' });
    const { page } = pageOf(run);
    expect(Buffer.byteLength(page)).toBeLessThan(MOST_PAGE_BYTES / 2);
    expect(page).toMatch(/[\d,]+ of 3,000 keys: failures and a fair sample/);
  });

  it('is no reason for an account to fail: why there is none is on record', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(0, 'a.jpg')], 1)]);
    mkdirSync(join(run.root, run.folder.prefix, 'report.html'));
    const { page, pageError, counts } = await writeAccount({ ...run, status: 'SUCCEEDED' });
    expect({ page, counts: counts.succeeded }).toEqual({ page: undefined, counts: 1 });
    expect(pageError).toContain('report.html');
    expect(existsSync(join(run.root, run.folder.prefix, 'summary.json'))).toBe(true);
    expect(readFileSync(join(run.root, run.folder.prefix, 'summary.json'), 'utf8')).toContain('"pageError"');
  });
});
