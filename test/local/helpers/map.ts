// A small workflow around one Distributed Map, run for real in a temporary directory.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryLocation } from '../../../lambda/contract/location.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';
import {
  type ChildRecord,
  type ExecutionEvent,
  type ExecutionOptions,
  type LocalExecution,
  startExecution,
  type TaskHandler,
} from '../../../lib/local/execution.ts';
import type { Manifest } from '../../../lib/local/result-writer.ts';
import type { DistributedMapState, Json, StateMachineDefinition, TaskState } from '../../../lib/states-language.ts';

export const HANDLER = 'arn:aws:lambda:local:000000000000:function:handler';

/** A definition of one Map state, by default over `$.items`, with EXPRESS children of one Task. */
export function mapDefinition(
  map: Partial<DistributedMapState> = {},
  task: Partial<TaskState> = {},
  type: 'EXPRESS' | 'STANDARD' = 'EXPRESS',
): StateMachineDefinition {
  const state = {
    Type: 'Map',
    Label: 'Items',
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: type },
      StartAt: 'Process',
      States: { Process: { Type: 'Task', Resource: HANDLER, End: true, ...task } },
    },
    End: true,
    ...(map.ItemReader === undefined ? { ItemsPath: '$.items' } : {}),
    ...map,
  } as DistributedMapState;
  return { StartAt: 'Map', States: { Map: state } };
}

/** The ResultWriter of our own workflow. */
export const RESULTS: Pick<DistributedMapState, 'ResultWriter'> = {
  ResultWriter: {
    Resource: 'arn:aws:states:::s3:putObject',
    Parameters: { 'Bucket.$': '$.bucket', Prefix: 'results' },
    WriterConfig: { Transformation: 'NONE', OutputType: 'JSONL' },
  },
};

export interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly bucket: string;
  readonly stores: Stores;
}

/** A temporary directory that serves as a bucket, and is gone at the end. */
export async function temporaryPlace(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'image-fanout-test-'));
  const stores = openStores();
  return {
    directory,
    bucket: directoryLocation(directory).bucket,
    stores,
    async [Symbol.asyncDispose]() {
      await stores.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Starts the definition with the place's bucket as `$.bucket` of the input. */
export function start(
  place: Place,
  definition: StateMachineDefinition,
  input: { readonly [field: string]: Json },
  handler: TaskHandler,
  options: Partial<ExecutionOptions> = {},
): LocalExecution {
  return startExecution({
    definition,
    input: { bucket: place.bucket, ...input },
    name: 'run',
    handlers: { [HANDLER]: handler },
    openStore: place.stores.open,
    retryMilliseconds: 0,
    ...options,
  });
}

export interface ResultFiles {
  readonly manifest: Manifest;
  readonly succeeded: readonly ChildRecord[];
  readonly failed: readonly ChildRecord[];
  readonly pending: readonly ChildRecord[];
}

/** Reads a manifest and all the JSONL files that it names. */
export async function resultFiles(place: Place, key: string): Promise<ResultFiles> {
  const manifest = JSON.parse(await readFile(join(place.directory, key), 'utf8')) as Manifest;
  const records = async (files: Manifest['ResultFiles']['FAILED']) => {
    const texts = await Promise.all(files.map((file) => readFile(join(place.directory, file.Key), 'utf8')));
    return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => JSON.parse(line) as ChildRecord);
  };
  return {
    manifest,
    succeeded: await records(manifest.ResultFiles.SUCCEEDED),
    failed: await records(manifest.ResultFiles.FAILED),
    pending: await records(manifest.ResultFiles.PENDING),
  };
}

/** The keys of plain string items in records, batched or not, sorted. */
export function keysIn(records: readonly ChildRecord[]): string[] {
  const keys = records.flatMap(({ Input }) => {
    const input = JSON.parse(Input) as string | { Items: string[] };
    return typeof input === 'string' ? [input] : input.Items;
  });
  return keys.sort();
}

/** Collects the events of an execution. */
export function eventLog(): { readonly events: ExecutionEvent[]; readonly onEvent: (event: ExecutionEvent) => void } {
  const events: ExecutionEvent[] = [];
  return { events, onEvent: (event) => events.push(event) };
}

/** An error as handlers throw it: its name is its class. */
export function named(name: string, message = name): Error {
  return Object.assign(new Error(message), { name });
}
