// Conformance: each row is a shape or sentence that facts/distributed-map.md has as recorded from the service; `sheet` is its section.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listedItem } from '../../lib/local/item-reader.ts';
import { mapRunNames } from '../../lib/local/names.ts';
import type { DistributedMapState, Json } from '../../lib/states-language.ts';
import { HANDLER, mapDefinition, named, RESULTS, resultFiles, start, temporaryPlace } from './helpers/map.ts';

const FILE = { Parameters: { 'Bucket.$': '$.bucket', Key: 'items' }, Resource: 'arn:aws:states:::s3:getObject' };

/** The items that children get from a file's content. */
async function itemsFrom(content: string, config: object, extra: { readonly [field: string]: Json } = {}) {
  await using place = await temporaryPlace();
  const path = join(place.directory, 'items');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  const ItemReader = { ...FILE, ReaderConfig: config } as NonNullable<DistributedMapState['ItemReader']>;
  const result = await start(place, mapDefinition({ ItemReader }), extra, async (input) => input).result;
  return result.status === 'SUCCEEDED' ? result.output : { error: result.error, cause: result.cause };
}

const CSV = { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' };

interface ReaderRow {
  readonly sheet: string;
  readonly name: string;
  readonly content: string;
  readonly config: object;
  readonly input?: { readonly [field: string]: Json };
  readonly expected: Json;
}

const READER_ROWS: readonly ReaderRow[] = [
  {
    sheet: '1.2 CSV item',
    name: 'all values are strings, keys sorted',
    content: 'key,id\na.jpg,1\nb.jpg,2\n',
    config: CSV,
    expected: [
      { id: '1', key: 'a.jpg' },
      { id: '2', key: 'b.jpg' },
    ],
  },
  {
    sheet: '1.2 CSV item',
    name: 'missing columns are empty strings',
    content: 'a,b,c\n1\n1,2\n',
    config: CSV,
    expected: [
      { a: '1', b: '', c: '' },
      { a: '1', b: '2', c: '' },
    ],
  },
  {
    sheet: '1.2 CSV item',
    name: 'surplus columns beyond given headers are dropped',
    content: '1,2,3\n',
    config: { InputType: 'CSV', CSVHeaderLocation: 'GIVEN', CSVHeaders: ['x', 'y'] },
    expected: [{ x: '1', y: '2' }],
  },
  {
    sheet: '1.2 CSV item',
    name: 'quoting and embedded newlines follow RFC 4180',
    content: 'key\r\n"a ""b"",\nc.jpg"\r\n',
    config: CSV,
    expected: [{ key: 'a "b",\nc.jpg' }],
  },
  {
    sheet: '1.2 ReaderConfig',
    name: 'another delimiter',
    content: 'a|b\n1|2\n',
    config: { ...CSV, CSVDelimiter: 'PIPE' },
    expected: [{ a: '1', b: '2' }],
  },
  {
    sheet: 'Additions: CSV',
    name: 'a backslash escapes a backslash, a quote and the delimiter',
    content: 'key,id\na\\\\b.jpg,1\na\\,b.jpg,2\n\\"a\\".jpg,3\n',
    config: CSV,
    expected: [
      { id: '1', key: 'a\\b.jpg' },
      { id: '2', key: 'a,b.jpg' },
      { id: '3', key: '"a".jpg' },
    ],
  },
  {
    sheet: 'Additions: CSV',
    name: 'a backslash before any other character is silently removed',
    content: 'key\na\\b.jpg\n',
    config: CSV,
    expected: [{ key: 'ab.jpg' }],
  },
  {
    sheet: 'Additions: CSV',
    name: 'a noncharacter is a character like others',
    content: 'key\na\ufdd3q\\\\.jpg\n',
    config: CSV,
    expected: [{ key: 'a\ufdd3q\\.jpg' }],
  },
  {
    sheet: 'Additions: CSV',
    name: 'another delimiter is escaped, and a comma is not',
    content: 'a|b\n1\\|2|3\\,4\n',
    config: { ...CSV, CSVDelimiter: 'PIPE' },
    expected: [{ a: '1|2', b: '3,4' }],
  },
  {
    sheet: 'Additions: JSON',
    name: 'a file that holds an object has no items',
    content: '{"Hello":"world"}',
    config: { InputType: 'JSON' },
    expected: { error: 'States.ItemReaderFailed', cause: 'Attempting to map over non-iterable node.' },
  },
  {
    sheet: '1.2 CSV item',
    name: 'duplicate headers are refused',
    content: 'a,a\n1,2\n',
    config: CSV,
    expected: { error: 'States.ItemReaderFailed', cause: 'CSV headers cannot contain duplicates.' },
  },
  {
    sheet: '1.2 JSON / JSONL / inventory',
    name: 'a JSON file that cannot be iterated',
    content: '"text"',
    config: { InputType: 'JSON' },
    expected: { error: 'States.ItemReaderFailed', cause: 'Attempting to map over non-iterable node.' },
  },
  {
    sheet: '1.2 MaxItems',
    name: 'a negative MaxItems by path',
    content: '[1,2]',
    config: { InputType: 'JSON', MaxItemsPath: '$.most' },
    input: { most: -1 },
    expected: { error: 'States.ItemReaderFailed', cause: 'field MaxItems must be positive' },
  },
  ...[0, 100_000_001].map((most) => ({
    sheet: '1.2 MaxItems',
    name: `a MaxItems by path of ${most} is accepted, and no limit`,
    content: '[1,2]',
    config: { InputType: 'JSON', MaxItemsPath: '$.most' },
    input: { most },
    expected: [1, 2],
  })),
  {
    sheet: '1.2 MaxItems',
    name: 'a MaxItems that is no integer',
    content: '[1,2]',
    config: { InputType: 'JSON', MaxItemsPath: '$.MaxItems' },
    input: { MaxItems: 1.5 },
    expected: {
      error: 'States.Runtime',
      cause:
        'An error occurred while executing the state \'Map\' (entered at the event id #2). The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.MaxItems',
    },
  },
];

interface ValueRow {
  readonly sheet: string;
  readonly map: Partial<DistributedMapState>;
  readonly value: Json;
  /** Undefined: accepted. */
  readonly cause?: string;
}

const VALUE_ROWS: readonly ValueRow[] = [
  {
    sheet: '1.5',
    map: { MaxConcurrencyPath: '$.value' },
    value: 'many',
    cause: 'The MaxConcurrencyPath field refers to value "many" which is not a valid integer: $.value',
  },
  { sheet: '1.5', map: { MaxConcurrencyPath: '$.value' }, value: 0 },
  {
    sheet: '1.6 Bad values',
    map: { ToleratedFailureCountPath: '$.value' },
    value: -1,
    cause: 'ToleratedFailureCount cannot be negative.',
  },
  {
    sheet: '1.6 Bad values',
    map: { ToleratedFailureCountPath: '$.value' },
    value: 'NoNumber',
    cause: 'The ToleratedFailureCountPath field refers to value "NoNumber" which is not a valid integer: $.value',
  },
  ...[-1.1, -1, 100.1].map((value) => ({
    sheet: '1.6 Bad values',
    map: { ToleratedFailurePercentagePath: '$.value' },
    value,
    cause: 'ToleratedFailurePercentage must be between 0 and 100.',
  })),
  {
    sheet: '1.6 Bad values',
    map: { ToleratedFailurePercentagePath: '$.value' },
    value: 'NoNumber',
    cause: 'The ToleratedFailurePercentagePath field refers to value "NoNumber" which is not a valid float: $.value',
  },
  ...[1.1, 100].map((value) => ({
    sheet: '1.6 Bad values',
    map: { ToleratedFailurePercentagePath: '$.value' },
    value,
  })),
];

interface ThresholdRow {
  readonly sheet: string;
  readonly map: Partial<DistributedMapState>;
  /** Of four items. */
  readonly failing: number;
  readonly status: 'SUCCEEDED' | 'FAILED';
}

const THRESHOLD_ROWS: readonly ThresholdRow[] = [
  { sheet: '1.6: neither set', map: {}, failing: 1, status: 'FAILED' },
  { sheet: '1.6: count 1, 1 failure of 4', map: { ToleratedFailureCount: 1 }, failing: 1, status: 'SUCCEEDED' },
  { sheet: '1.6: count 1, 2 failures', map: { ToleratedFailureCount: 1 }, failing: 2, status: 'FAILED' },
  { sheet: '1.6: strictly more', map: { ToleratedFailurePercentage: 50 }, failing: 2, status: 'SUCCEEDED' },
  { sheet: '1.6: of all items', map: { ToleratedFailurePercentage: 50 }, failing: 3, status: 'FAILED' },
  { sheet: '1.6: 100 never fails', map: { ToleratedFailurePercentage: 100 }, failing: 4, status: 'SUCCEEDED' },
  {
    sheet: '1.6: either',
    map: { ToleratedFailureCount: 0, ToleratedFailurePercentage: 100 },
    failing: 1,
    status: 'FAILED',
  },
  {
    sheet: '1.6: either',
    map: { ToleratedFailureCount: 100_000_000, ToleratedFailurePercentage: 25 },
    failing: 2,
    status: 'FAILED',
  },
];

describe('conformance with the fact sheet', () => {
  it('1.2: an item of listObjectsV2', () => {
    const object = {
      ...{ key: 'flat/data.jsonl', etag: 'ccc798cb', bytes: 27, storageClass: 'STANDARD' },
      lastModified: 1_790_204_286_000,
    };
    expect(JSON.stringify(listedItem(object))).toBe(
      '{"Etag":"\\"ccc798cb\\"","Key":"flat/data.jsonl","LastModified":1790204286,"Size":27,"StorageClass":"STANDARD"}',
    );
  });

  it.each(READER_ROWS)('$sheet: $name', async ({ content, config, input, expected }) => {
    const items = await itemsFrom(content, config, input);
    // As text: the order of the fields counts.
    expect(JSON.stringify(items)).toBe(JSON.stringify(expected));
  });

  it.each(VALUE_ROWS)('$sheet: $map of $value', async ({ map, value, cause }) => {
    await using place = await temporaryPlace();
    const { error, cause: told } = await start(place, mapDefinition(map), { items: [1], value }, async () => 1).result;
    expect(error).toBe(cause === undefined ? undefined : 'States.Runtime');
    expect(told).toBe(
      cause && `An error occurred while executing the state 'Map' (entered at the event id #2). ${cause}`,
    );
  });

  it.each(THRESHOLD_ROWS)('$sheet: $map with $failing failing is $status', async ({ map, failing, status }) => {
    await using place = await temporaryPlace();
    const execution = start(place, mapDefinition(map), { items: [1, 2, 3, 4] }, async (input) => {
      if (Number(input) <= failing) throw named('NotAnImage');
      return {};
    });
    const { status: ended, error, cause } = await execution.result;
    expect(ended).toBe(status);
    if (status === 'SUCCEEDED') return;
    expect(error).toBe('States.ExceedToleratedFailureThreshold');
    expect(cause).toBe('The specified tolerated failure threshold was exceeded');
  });

  it('1.3: $$.Map.Item and Source for state data, and for an object', async () => {
    await using place = await temporaryPlace();
    const ItemSelector = {
      'index.$': '$$.Map.Item.Index',
      'value.$': '$$.Map.Item.Value',
      'key.$': '$$.Map.Item.Key',
      'source.$': '$$.Map.Item.Source',
      'execution.$': '$$.Execution.Name',
      'bucket.$': '$.bucket',
    };
    const execution = start(place, mapDefinition({ ItemSelector }), { items: { a: 1 } }, async (input) => input);
    expect((await execution.result).output).toEqual([
      { index: 0, value: 1, key: 'a', source: 'STATE_DATA', execution: 'run', bucket: place.bucket },
    ]);
  });

  it('1.4: batches, and what they count', async () => {
    await using place = await temporaryPlace();
    const ItemBatcher = { MaxItemsPerBatch: 2, BatchInput: { 'from.$': '$.from' } };
    const input = { items: [1, 2, 3, 4, 5], from: 'here' };
    const execution = start(place, mapDefinition({ ItemBatcher }), input, async (child) => child);
    const { output, mapRun } = await execution.result;
    expect(JSON.stringify(output)).toBe(
      '[{"BatchInput":{"from":"here"},"Items":[1,2]},{"BatchInput":{"from":"here"},"Items":[3,4]},{"BatchInput":{"from":"here"},"Items":[5]}]',
    );
    expect([mapRun?.itemCounts.total, mapRun?.executionCounts.total]).toEqual([5, 3]);
  });

  it('1.7: names and ARNs', () => {
    const express = mapRunNames('SM', 'Label', 'uuid', 'EXPRESS');
    expect(express.mapRunArn).toBe('arn:aws:states:local:000000000000:mapRun:SM/Label:uuid');
    expect(express.childArn('uuid')).toMatch(
      /^arn:aws:states:local:000000000000:express:SM\/Label:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    );
    expect(express.childMachineArn).toBe('arn:aws:states:local:000000000000:stateMachine:SM/Label');
    const standard = mapRunNames('SM', 'Label', 'uuid', 'STANDARD');
    expect(standard.childArn('uuid')).toBe('arn:aws:states:local:000000000000:execution:SM/Label:uuid');
  });

  it.each(['EXPRESS', 'STANDARD'] as const)('1.8, 1.9: records, manifest and output of %s children', async (type) => {
    await using place = await temporaryPlace();
    const map = mapDefinition({ ...RESULTS, MaxConcurrency: 1, ToleratedFailureCount: 1 }, {}, type);
    const good = await start(place, map, { items: ['good', 'bad'] }, async (input) => {
      if (input === 'bad') throw named('NotAnImage', 'no image');
      return { done: true };
    }).result;
    const uuid = good.mapRun?.arn.split(':').at(-1);
    const key = `results/${uuid}/manifest.json`;
    expect(JSON.stringify(good.output)).toBe(
      JSON.stringify({ MapRunArn: good.mapRun?.arn, ResultWriterDetails: { Bucket: place.bucket, Key: key } }),
    );
    const { manifest, succeeded, failed } = await resultFiles(place, key);
    expect(Object.keys(manifest)).toEqual(['DestinationBucket', 'MapRunArn', 'ResultFiles']);
    expect(Object.keys(manifest.ResultFiles)).toEqual(['FAILED', 'PENDING', 'SUCCEEDED']);
    expect(manifest).toMatchObject({ DestinationBucket: place.bucket, MapRunArn: good.mapRun?.arn });
    expect(manifest.ResultFiles.PENDING).toEqual([]);
    expect(manifest.ResultFiles.SUCCEEDED).toEqual([
      { Key: `results/${uuid}/SUCCEEDED_0.jsonl`, Size: Buffer.byteLength(`${JSON.stringify(succeeded[0])}\n`) },
    ]);

    const date = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
    const StateMachineArn = 'arn:aws:states:local:000000000000:stateMachine:image-fanout/Items';
    const redrivable = type === 'STANDARD' ? { RedriveStatus: 'REDRIVABLE_BY_MAP_RUN' } : {};
    const notRedrivable =
      type === 'STANDARD'
        ? {
            RedriveStatus: 'NOT_REDRIVABLE',
            RedriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
          }
        : {};
    expect(succeeded).toEqual([
      {
        ExecutionArn: expect.stringContaining(`:${type === 'EXPRESS' ? 'express' : 'execution'}:image-fanout/Items:`),
        Input: '"good"',
        InputDetails: { Included: true },
        Name: expect.stringMatching(/^[0-9a-f-]{36}$/),
        Output: '{"done":true}',
        OutputDetails: { Included: true },
        RedriveCount: 0,
        ...notRedrivable,
        StartDate: expect.stringMatching(date),
        StateMachineArn,
        Status: 'SUCCEEDED',
        StopDate: expect.stringMatching(date),
      },
    ]);
    expect(failed).toEqual([
      {
        Cause: expect.stringMatching(/^\{"errorType":"NotAnImage","errorMessage":"no image","trace":\[".*"\]\}$/),
        Error: 'NotAnImage',
        ExecutionArn: expect.any(String),
        Input: '"bad"',
        InputDetails: { Included: true },
        Name: expect.any(String),
        OutputDetails: { Included: true },
        RedriveCount: 0,
        ...redrivable,
        StartDate: expect.stringMatching(date),
        StateMachineArn,
        Status: 'FAILED',
        StopDate: expect.stringMatching(date),
      },
    ]);
    for (const record of [...succeeded, ...failed]) expect(Object.keys(record)).toEqual(Object.keys(record).sort());
  });

  it('1.8: a pending record', async () => {
    await using place = await temporaryPlace();
    const map = mapDefinition({ ...RESULTS, MaxConcurrency: 1 });
    const { mapRun } = await start(place, map, { items: ['bad', 'never'] }, async () => {
      throw named('NotAnImage');
    }).result;
    const { pending } = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(JSON.stringify(pending)).toBe(
      '[{"Input":"\\"never\\"","InputDetails":{"Included":true},"Status":"PENDING"}]',
    );
  });

  it('1.8: the probe that cannot be written', async () => {
    await using place = await temporaryPlace();
    await writeFile(join(place.directory, 'results'), 'a file where the folder should be');
    const { error, cause } = await start(place, mapDefinition(RESULTS), { items: [1] }, async () => 1).result;
    expect(error).toBe('States.Runtime');
    expect(cause).toContain('Failed to write a test manifest into the specified output bucket.');
  });

  it('1.9: outputs that are too large without a ResultWriter', async () => {
    await using place = await temporaryPlace();
    const output = 'x'.repeat(100_000);
    const { error } = await start(place, mapDefinition(), { items: [1, 2, 3] }, async () => output).result;
    expect(error).toBe('States.DataLimitExceeded');
  });

  it('2: the counters of DescribeMapRun', async () => {
    await using place = await temporaryPlace();
    const { mapRun } = await start(place, mapDefinition(), { items: [] }, async () => 1).result;
    const names = ['pending', 'running', 'succeeded', 'failed', 'timedOut', 'aborted', 'total', 'resultsWritten'];
    expect(Object.keys(mapRun?.itemCounts ?? {})).toEqual([...names, 'failuresNotRedrivable', 'pendingRedrive']);
    expect(mapRun?.executionCounts).toEqual(mapRun?.itemCounts);
  });

  it("Additions: a Task's timeout has no cause, and where it is caught an empty one", async () => {
    await using place = await temporaryPlace();
    const never = () => new Promise<never>(() => {});
    const uncaught = mapDefinition({ ...RESULTS, ToleratedFailureCount: 1 }, { TimeoutSeconds: 1 });
    const first = await start(place, uncaught, { items: [1] }, never).result;
    const { failed } = await resultFiles(place, first.mapRun?.manifest?.key ?? '');
    expect(failed).toMatchObject([{ Error: 'States.Timeout', Status: 'FAILED' }]);
    expect(failed[0]).not.toHaveProperty('Cause');

    const caught = mapDefinition({}, { TimeoutSeconds: 1 });
    const map = caught.States['Map'] as DistributedMapState;
    const states = {
      Process: {
        ...map.ItemProcessor.States['Process'],
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$', Next: 'Show' }],
      },
      Show: { Type: 'Pass', End: true },
    } as unknown as DistributedMapState['ItemProcessor']['States'];
    const definition = {
      ...caught,
      States: { Map: { ...map, ItemProcessor: { ...map.ItemProcessor, States: states } } },
    };
    const second = await start(place, definition, { items: [1] }, never).result;
    expect(second.output).toEqual([{ Error: 'States.Timeout', Cause: '' }]);
  });

  it('Additions: a redriven EXPRESS child keeps its ARN and name and counts its redrives; a pending one starts at 0', async () => {
    await using place = await temporaryPlace();
    const map = mapDefinition({ ...RESULTS, MaxConcurrency: 1 });
    const items = ['good', 'bad', 'never'];
    let mended = false;
    const handler = async (input: unknown) => {
      if (input === 'bad' && !mended) throw named('NotAnImage');
      return input as Json;
    };
    const first = await start(place, map, { items }, handler).result;
    const before = await resultFiles(place, first.mapRun?.manifest?.key ?? '');
    mended = true;
    const second = await start(place, map, { items }, handler, { continue: {} }).result;
    expect(second.status).toBe('SUCCEEDED');
    const after = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    const redriven = after.succeeded.find(({ Input }) => Input === '"bad"');
    expect(before.failed[0]).toMatchObject({ RedriveCount: 0 });
    expect(redriven).toMatchObject({
      Name: before.failed[0]?.Name,
      ExecutionArn: before.failed[0]?.ExecutionArn,
      RedriveCount: 1,
    });
    expect(redriven?.StartDate).not.toBe(before.failed[0]?.StartDate);
    expect(redriven).not.toHaveProperty('RedriveDate');
    expect(after.succeeded.find(({ Input }) => Input === '"never"')).toMatchObject({ RedriveCount: 0 });
    // All items again, those of the first attempt among them.
    expect(second.mapRun?.itemCounts).toMatchObject({ succeeded: 3, total: 3, resultsWritten: 3 });
  });

  it('3: a result beyond the payload limit', async () => {
    await using place = await temporaryPlace();
    const map = mapDefinition({ ...RESULTS, ToleratedFailureCount: 1 });
    const { mapRun } = await start(place, map, { items: [1] }, async () => 'ü'.repeat(131_072)).result;
    const { failed } = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(failed).toMatchObject([
      {
        Error: 'States.DataLimitExceeded',
        Cause: `The state/task '${HANDLER}' returned a result with a size exceeding the maximum number of bytes service limit.`,
      },
    ]);
  });
});
