// Reads the records of a result file as a stream, and survives what a killed process leaves behind.
import { Readable } from 'node:stream';
import { streamArray } from 'stream-json/streamers/stream-array.js';
import type { ProcessResult } from '../contract/outcome.ts';
import type { ProcessEvent } from '../job/prepared.ts';
import type { ChildRecord } from '../job/wire.ts';
import { lines } from './lines.ts';

/** A record of SUCCEEDED_n, FAILED_n or PENDING_n, as Step Functions writes it: Input and Output are JSON in strings. */
interface WrittenRecord {
  readonly Status: string;
  readonly Input?: string;
  readonly Output?: string;
  readonly Error?: string;
  readonly Cause?: string;
  readonly StartDate?: string;
  readonly StopDate?: string;
}

export interface ReadRecord extends ChildRecord {
  /** ISO 8601; absent on children that did not start or end. */
  readonly started?: string;
  readonly ended?: string;
}

/** What could not be read of a file. */
export interface Damage {
  /** 1 when the last line is unfinished, or the array is not closed: what was being written when the process was killed. */
  torn: number;
  /** Records that are no JSON, or hold no Input: their keys are not known. */
  unreadable: number;
}

/** Yields the records of a file in batches, in the file's order, and counts in `damage` what is none. */
export async function* readRecords(
  stream: AsyncIterable<Uint8Array>,
  format: 'json' | 'jsonl',
  damage: Damage,
): AsyncGenerator<readonly ReadRecord[]> {
  for await (const batch of format === 'json' ? arrayElements(stream, damage) : jsonLines(stream, damage)) {
    const records: ReadRecord[] = [];
    for (const value of batch) {
      const record = toRecord(value);
      if (record === undefined) damage.unreadable++;
      else records.push(record);
    }
    yield records;
  }
}

async function* jsonLines(stream: AsyncIterable<Uint8Array>, damage: Damage): AsyncGenerator<readonly unknown[]> {
  // A line that is no JSON is torn if nothing follows it, and else unreadable.
  let broken = 0;
  for await (const batch of lines(stream)) {
    const values: unknown[] = [];
    for (const line of batch) {
      damage.unreadable += broken;
      broken = 0;
      const value = parsed(line);
      if (value === undefined) broken = 1;
      else values.push(value);
    }
    yield values;
  }
  damage.torn += broken;
}

async function* arrayElements(bytes: AsyncIterable<Uint8Array>, damage: Damage): AsyncGenerator<readonly unknown[]> {
  const stream = bytes instanceof Readable ? bytes : Readable.from(bytes, { objectMode: false });
  const elements = streamArray.withParserAsStream();
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
    elements.destroy(error);
  });
  try {
    for await (const { value } of stream.pipe(elements)) yield [value];
  } catch (error) {
    if (failure !== undefined) throw error;
    damage.torn++;
  }
}

function toRecord(value: unknown): ReadRecord | undefined {
  const { Status, Input, Output, Error: error, Cause, StartDate, StopDate } = (value ?? {}) as WrittenRecord;
  const input = typeof Input === 'string' ? (parsed(Input) as ProcessEvent | undefined) : undefined;
  if (typeof Status !== 'string' || !Array.isArray(input?.Items)) return undefined;
  const output = typeof Output === 'string' ? (parsed(Output) as ProcessResult | undefined) : undefined;
  return {
    status: Status,
    input,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(Cause === undefined ? {} : { cause: Cause }),
    ...(StartDate === undefined ? {} : { started: StartDate }),
    ...(StopDate === undefined ? {} : { ended: StopDate }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
