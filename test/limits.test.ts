// The README's Limits: each row and each sentence after the table has a test that holds it, or the documentation it comes from.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const AWS = 'https://docs.aws.amazon.com/';
const QUOTAS = `${AWS}step-functions/latest/dg/service-quotas.html`;

/** `file › words of a title in it`, or an address of AWS's documentation for what is the service's own. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  '10,000 invocations at once': [QUOTAS, 'test/lambda/job/job.test.ts › too much concurrency'],
  '1,000 new children a second': [
    QUOTAS,
    'test/lambda/estimate/simulate.test.ts › keeps the rates: 1,000 children a second',
  ],
  '1,000 concurrent Lambda environments, 1,000 more per 10 s': [
    `${AWS}lambda/latest/dg/lambda-concurrency.html`,
    'test/lambda/prepare/prepare.test.ts › bounds what %j takes at once',
    'test/throttling.test.ts › the simulation holds the same',
    'test/cli/cloud/commands.test.ts › fails for less room than a run takes',
  ],
  '3,500 writes and 5,500 reads a second and prefix': [
    `${AWS}AmazonS3/latest/userguide/optimizing-performance.html`,
    'test/end-to-end/faults.test.ts › throttling lowers the requests at once, and no key fails',
  ],
  '5 minutes per child': [
    QUOTAS,
    'test/cloud/state-machine.test.ts › nest: function, Task, child execution, execution',
  ],
  '100,000,000 items a run': [`${AWS}step-functions/latest/dg/input-output-itemreader.html`],
  '256 KiB of input': [QUOTAS, 'test/cli/cloud/commands.test.ts › expected at most 262144 bytes'],
  '14 days to redrive': [`${AWS}step-functions/latest/dg/redrive-executions.html`],
  'a failed batch counts whole': [
    `${AWS}step-functions/latest/dg/state-map-distributed.html`,
    'test/end-to-end/fail-fast.test.ts › any run keeps to its tolerance',
  ],
  'bytes, pixels, frames, dimension, milliseconds of a key': [
    'test/lambda/process/process.test.ts › holds a key to its limits and names limit and value',
  ],
  '15 minutes for the account': [
    `${AWS}lambda/latest/dg/gettingstarted-limits.html`,
    'test/lambda/report/parts/parts.test.ts › ',
  ],
  'one Region, one account': [
    `${AWS}step-functions/latest/dg/input-output-itemreader.html`,
    'test/cli/cloud/before.test.ts › of the %s as %j is %s',
  ],
  'A 100-megapixel JPEG': ['bench/large.ts › 100'],
  'Read are JPEG, PNG': ['test/lambda/image/decoders/decoders.test.ts › ', 'docs/formats.md › '],
};

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const section = /^## Limits\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
const lines = section.split('\n');
const rows = lines.filter((line) => line.startsWith('|') && !/^\| limit \||^\|-/.test(line));
const sentences = section
  .split('\n\n')
  .map((paragraph) => paragraph.trim())
  .filter((paragraph) => paragraph !== '' && !paragraph.startsWith('|'));

describe("README's Limits", () => {
  it('have each a source here, and no source is of a limit that is gone', () => {
    const limits = rows.map((row) => row.split('|')[1]?.trim() ?? '');
    const named = Object.keys(SOURCES);
    const known = sentences.map((text) => named.find((start) => text.startsWith(start)) ?? text);
    expect(limits.length).toBeGreaterThan(8);
    expect([...limits, ...known].sort()).toEqual([...named].sort());
  });

  it.each(Object.entries(SOURCES))('%s: its tests are there, and documentation is AWS’s own', (_, sources) => {
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      if (source.startsWith('https:')) {
        expect(source.startsWith(AWS)).toBe(true);
        continue;
      }
      const [file = '', words = ''] = source.split(' › ');
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      expect(readFileSync(join(ROOT, file), 'utf8'), source).toContain(words);
    }
  });
});
