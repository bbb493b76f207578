// docs/reliability.md is true to the code: each row names tests that exist, and no error class and no fault is without a row.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CLASSES, type ErrorName, isErrorName, TRANSIENT_ERRORS } from '../lambda/contract/errors.ts';
import { FAULTS } from './helpers/fault-proxy.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COLUMNS = ['What', 'Ends as', 'Again', 'Exit', 'Test'];

interface Row {
  readonly what: string;
  readonly endsAs: string;
  readonly again: string;
  readonly tests: readonly string[];
}

const document = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');
// The tables of guards and faults: the one before them is about steps, not about tests.
const [, faults = ''] = document.split('## Every guard and every fault');
const lines = faults.split('\n').filter((line) => line.startsWith('|'));
const cells = lines.map((line) =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim()),
);
const rows = cells
  .filter(([first = '']) => first !== COLUMNS[0] && !/^-+$/.test(first))
  .map(
    ([what = '', endsAs = '', again = '', , tests = '']): Row => ({ what, endsAs, again, tests: tests.split('<br>') }),
  );

/** Whether a test file has a test, or a table of tests a row, of this title: as a string of its own. */
function hasTitle(file: string, title: string): boolean {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [`'${title.replaceAll("'", "\\'")}'`, `"${title}"`, `\`${title}\``].some((literal) => text.includes(literal));
}

describe('docs/reliability.md', () => {
  it('has the same columns in all of its tables, and rows in them', () => {
    expect(cells.filter(([first]) => first === COLUMNS[0])).toEqual(Array(5).fill(COLUMNS));
    for (const row of cells) expect(row).toHaveLength(COLUMNS.length);
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each(rows.map((row) => [row.what, row] as const))('%s: names its tests', (_, { tests }) => {
    for (const named of tests) {
      const [, file = '', title = ''] = /^`(test\/[\w/.-]+\.test\.ts)` › (.+)$/.exec(named.trim()) ?? [];
      expect(file, `a file and a title, got ${named}`).not.toBe('');
      expect(existsSync(join(ROOT, file)), `${file} exists`).toBe(true);
      expect(hasTitle(file, title), `${file} has a test '${title}'`).toBe(true);
    }
  });

  it('knows a test that is not there', () => {
    expect(hasTitle('test/reliability-table.test.ts', ['no such', 'test'].join(' '))).toBe(false);
  });

  it('has a row for every class of error, and says rightly which are tried again', () => {
    const named = rows.map(({ endsAs }) => endsAs).filter(isErrorName);
    const missing = (Object.keys(ERROR_CLASSES) as ErrorName[]).filter((name) => !named.includes(name));
    expect(missing).toEqual([]);
    for (const { endsAs, again } of rows) {
      if (isErrorName(endsAs)) expect({ endsAs, again }).toEqual({ endsAs, again: isTransient(endsAs) ? 'yes' : 'no' });
    }
  });

  it('has a row for every fault that the proxy makes', () => {
    const missing = Object.keys(FAULTS).filter((fault) => !rows.some(({ what }) => what.startsWith(`"${fault}"`)));
    expect(missing).toEqual([]);
  });

  it('names benches that exist', () => {
    const benches = [...document.matchAll(/`(bench\/[\w-]+\.ts)`/g)].map(([, path = '']) => path);
    expect(benches.length).toBeGreaterThan(0);
    expect(benches.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

function isTransient(name: ErrorName): boolean {
  return TRANSIENT_ERRORS.includes(name);
}
