// Run folders for the tests of the account: result files as Step Functions writes them, in a directory of their own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { onTestFinished } from 'vitest';
import type { ErrorName } from '../../../lambda/contract/errors.ts';
import { directoryLocation } from '../../../lambda/contract/location.ts';
import type { Failed, Outcome, Succeeded } from '../../../lambda/contract/outcome.ts';
import type { PreparedJob } from '../../../lambda/job/prepared.ts';
import { failureOf } from '../../../lambda/job/wire.ts';
import type { ItemRow } from '../../../lambda/report/item-row.ts';
import { directoryStore } from '../../../lambda/store/directory.ts';
import type { Store } from '../../../lambda/store/store.ts';
import { preparedJob } from '../../helpers/prepared-job.ts';

export const MAP_RUN = '11111111-2222-4333-8444-555555555555';

export interface TestRun extends AsyncDisposable {
  readonly root: string;
  readonly folder: { readonly bucket: string; readonly prefix: string };
  readonly store: Store;
  readonly job: PreparedJob;
  /** Writes a file below the run's folder. */
  put(name: string, content: string): void;
  read(name: string): string;
}

/** A run's folder with a prepared job and nothing else, removed when the test has finished. */
export function testRun(job: Partial<PreparedJob> = {}): TestRun {
  const root = mkdtempSync(join(tmpdir(), 'image-fanout-account-'));
  const store = directoryStore(root);
  const remove = async () => {
    await store.close();
    rmSync(root, { recursive: true, force: true });
  };
  onTestFinished(remove);
  const prefix = '.image-fanout/runs/run-1/';
  const folder = { ...directoryLocation(root), prefix };
  const prepared = preparedJob(root, prefix, job);
  const path = (name: string) => join(root, prefix, name);
  const put = (name: string, content: string) => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), content);
  };
  put('job.json', JSON.stringify(prepared));
  return {
    root,
    folder,
    store,
    job: prepared,
    put,
    read: (name) => readFileSync(path(name), 'utf8'),
    [Symbol.asyncDispose]: remove,
  };
}

export function succeeded(index: number, key: string, bytes = 1000): Succeeded {
  return {
    status: 'succeeded',
    index,
    key,
    source: { etag: `etag-${index}`, bytes, format: 'jpeg', width: 40, height: 30 },
    outputs: [{ name: 'small', key: `out/${key}.webp`, bytes: 100, format: 'webp' }],
    ms: { read: 1, transform: 2, write: 3, total: 6 },
  };
}

export function failed(
  index: number,
  key: string,
  error: ErrorName = 'NotAnImage',
  message = `${key}: no image`,
): Failed {
  return { status: 'failed', index, key, error, message };
}

const START = Date.UTC(2026, 0, 1);

/** What Lambda answers for an error, which Step Functions keeps as the Cause. */
export function causeOf(error: Error): string {
  return JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: [error.stack ?? ''] });
}

/** The record of a child whose keys ended so; `second` is when it ended, from the start of the run. */
export function childRecord(
  outcomes: readonly Outcome[],
  second = 0,
): { file: string; record: Record<string, unknown> } {
  const input = {
    BatchInput: { run: { bucket: 'b', key: 'job.json' } },
    Items: outcomes.map(({ index, key }) => ({ index, item: { Key: key, Etag: '"e"', Size: 1 } })),
  };
  const base = { Input: JSON.stringify(input), InputDetails: { Included: true } };
  if (outcomes.every(({ status }) => status === 'pending'))
    return { file: 'PENDING', record: { ...base, Status: 'PENDING' } };
  const dates = {
    StartDate: new Date(START + second * 1000 - 500).toISOString(),
    StopDate: new Date(START + second * 1000).toISOString(),
  };
  if (!outcomes.some(({ status }) => status === 'failed')) {
    return {
      file: 'SUCCEEDED',
      record: { ...base, ...dates, Output: JSON.stringify({ outcomes }), Status: 'SUCCEEDED' },
    };
  }
  const error = failureOf(outcomes);
  return { file: 'FAILED', record: { ...base, ...dates, Cause: causeOf(error), Error: error.name, Status: 'FAILED' } };
}

export interface AttemptOptions {
  readonly redrive?: number;
  /** False leaves the manifest out, as a killed engine does. */
  readonly manifest?: boolean;
  readonly format?: 'json' | 'jsonl';
  /** SUCCEEDED files of attempts before, which the manifest lists too. */
  readonly earlier?: readonly string[];
}

/** Writes an attempt's result files and manifest; answers the names of its SUCCEEDED files. */
export function putAttempt(
  run: TestRun,
  records: readonly ReturnType<typeof childRecord>[],
  options: AttemptOptions = {},
): string[] {
  const { redrive, manifest = true, format = 'jsonl', earlier = [] } = options;
  const folder = `${MAP_RUN}/${redrive === undefined ? '' : `Redrive-${redrive}/`}`;
  const files: Record<string, string[]> = { SUCCEEDED: [], FAILED: [], PENDING: [] };
  for (const kind of Object.keys(files)) {
    const written = records.filter(({ file }) => file === kind).map(({ record }) => record);
    if (written.length === 0) continue;
    const name = `${folder}${kind}_0.${format}`;
    run.put(
      name,
      format === 'json' ? JSON.stringify(written) : written.map((record) => `${JSON.stringify(record)}\n`).join(''),
    );
    files[kind]?.push(name);
  }
  const named = { ...files, SUCCEEDED: [...earlier, ...(files['SUCCEEDED'] ?? [])] };
  const entries = Object.entries(named).map(([kind, names]) => [
    kind,
    names.map((name) => ({ Key: run.folder.prefix + name, Size: 1 })),
  ]);
  if (manifest) {
    run.put(
      `${folder}manifest.json`,
      JSON.stringify({
        DestinationBucket: run.folder.bucket,
        MapRunArn: 'arn',
        ResultFiles: Object.fromEntries(entries),
      }),
    );
  }
  return named.SUCCEEDED;
}

export function itemRows(run: TestRun): ItemRow[] {
  return run
    .read('items.jsonl')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ItemRow);
}

export function csvRows(run: TestRun): Record<string, string>[] {
  return parse(run.read('items.csv'), { columns: true });
}
