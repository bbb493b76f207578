// The state machine of accounts in parts: valid, redrivable, and on the embedded engine it makes the same account as one function does.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompressSync } from 'node:zlib';
import aslValidator from 'asl-validator';
import { expect, it } from 'vitest';
import { writeAccount } from '../lambda/report/account.ts';
import { createPartsAccount, type PartsEvent, type PartsInput, sizesOf } from '../lambda/report/parts/actions.ts';
import { summarySchema } from '../lambda/report/summary.ts';
import { openStores } from '../lambda/store/open.ts';
import { ACCOUNT_LABELS, accountWorkflow } from '../lib/account-workflow.ts';
import { startExecution } from '../lib/local/execution.ts';
import type { Json } from '../lib/states-language.ts';
import {
  childRecord,
  failed,
  itemRows,
  putAttempt,
  succeeded,
  type TestRun,
  testRun,
} from './lambda/report/run-folders.ts';

const ACCOUNT = 'arn:aws:lambda:eu-central-1:123456789012:function:account';
const COMMAND = resolve(import.meta.dirname, '../bin/image-fanout.js');
const definition = accountWorkflow({ account: ACCOUNT });

it('is valid Amazon States Language, catches nothing, so that it can be redriven, and has a Label for each Map', () => {
  expect(aslValidator(structuredClone(definition))).toMatchObject({ isValid: true, errors: [] });
  expect(JSON.stringify(definition)).not.toContain('"Catch"');
  const labels = Object.values(definition.States).flatMap((state) => ('Label' in state ? [state.Label] : []));
  expect(labels).toEqual(Object.values(ACCOUNT_LABELS));
});

it('has ranges and parts of a run just above the bound, however low that is', () => {
  expect(sizesOf(4e9)).toEqual({ rangeBytes: 62_500_000, places: 250_000 });
  expect(sizesOf(100_000_000_000)).toEqual({ rangeBytes: 64 * 1024 * 1024, places: 250_000 });
  expect(sizesOf(0)).toEqual({ rangeBytes: 16 * 1024, places: 4 });
});

/** A run that failed, was redriven and stopped: some hundred keys in two attempts. */
function someRun(): TestRun {
  const run = testRun();
  const first = Array.from({ length: 150 }, (_, index) =>
    childRecord(
      [index % 10 === 3 ? failed(index, `${index}.jpg`) : succeeded(index, `${index}.jpg`, index)],
      150 - index,
    ),
  );
  const earlier = putAttempt(run, first);
  const second = [3, 13, 23].map((index) => childRecord([succeeded(index, `${index}.jpg`)], 200 + index));
  putAttempt(run, second, { redrive: 1, earlier });
  return run;
}

function makeInParts(run: TestRun, act: (event: PartsEvent) => Promise<unknown>) {
  const input: PartsInput = {
    run: 'run-1',
    executionArn: 'arn',
    work: { folder: run.folder, prefix: `${run.folder.prefix}account/one/` },
    end: { status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' },
  };
  const stores = openStores();
  return startExecution({
    definition,
    input: input as unknown as Json,
    name: 'one',
    openStore: stores.open,
    retryMilliseconds: 0,
    handlers: { [ACCOUNT]: async (event) => act(event as PartsEvent) },
  }).result.finally(() => stores.close());
}

it('makes the account of one function, row for row, and answers its short form', async () => {
  await using run = someRun();
  const whole = await writeAccount({
    ...run,
    status: 'FAILED',
    error: 'States.ExceedToleratedFailureThreshold',
  });
  const act = createPartsAccount({ open: () => run.store, wholeBytes: 0 });
  let tries = 0;
  const { status, output, error, cause } = await makeInParts(run, async (event) => {
    const answer = await act(event);
    // A piece that is lost after its work is done again.
    if (event.action === 'write' && tries++ === 0) throw Object.assign(new Error('lost'), { name: 'ConnectionLost' });
    return answer;
  });
  expect({ status, error, cause }).toEqual({ status: 'SUCCEEDED', error: undefined, cause: undefined });
  expect(output).toMatchObject({ run: 'run-1', status: 'stoppedByFailures', counts: whole.counts, balanced: true });
  const { itemParts, page: _, ...summary } = summarySchema.parse(JSON.parse(run.read('summary.json')));
  const { page: __, ...wanted } = whole;
  expect(summary).toEqual(JSON.parse(JSON.stringify(wanted)));
  expect(itemParts).toBe(Math.ceil(150 / 4));
  const items = join(run.root, run.folder.prefix, 'items');
  const parts = readdirSync(items).filter((name) => name.endsWith('.jsonl.zst'));
  const text = parts.sort().map((name) => zstdDecompressSync(readFileSync(join(items, name))).toString());
  expect(text.join('')).toBe(run.read('items.jsonl'));
  const report = promisify(execFile);
  const { stdout } = await report(
    process.execPath,
    [COMMAND, 'report', join(run.root, run.folder.prefix), '--failed-keys'],
    {
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    },
  ).catch((error: { stdout: string }) => error);
  const failedKeys = itemRows(run).filter((row) => row.status === 'failed');
  expect(failedKeys).toHaveLength(12);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(failedKeys.map(({ key }) => key));
});

it('fails where a piece does, and has written no summary then', async () => {
  await using run = someRun();
  const act = createPartsAccount({ open: () => run.store, wholeBytes: 0 });
  const { status, error } = await makeInParts(run, async (event) => {
    if (event.action === 'sort' && event.range.number === 1)
      throw Object.assign(new Error('no'), { name: 'AccessDenied' });
    return act(event);
  });
  expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
  expect(() => run.read('summary.json')).toThrow();
});
