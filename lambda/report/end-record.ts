// How an attempt ended, on record before its account is made: so an account that is made again tells the same end.
import * as z from 'zod';
import { FanoutError } from '../contract/errors.ts';
import type { Location } from '../contract/location.ts';
import type { Store } from '../store/store.ts';
import { EXECUTION_STATUSES } from './status.ts';

/** Name of the record in the run's folder. */
export const END_FILE = 'end.json';

const schema = z.strictObject({
  status: z.enum(EXECUTION_STATUSES),
  error: z.string().optional(),
  cause: z.string().optional(),
  /** Items that were listed, once that is known. */
  listed: z.int().optional(),
  /** Epoch milliseconds. */
  started: z.number(),
  ended: z.number(),
  /** Attempts in the run's folder by then: one more, and the record is of an earlier end. */
  attempts: z.int(),
});

export type EndRecord = z.output<typeof schema>;

/** Puts an attempt's end on record. */
export async function writeEnd(store: Store, folder: Location, end: EndRecord): Promise<void> {
  await store.write(folder.prefix + END_FILE, Buffer.from(`${JSON.stringify(end)}\n`), {
    contentType: 'application/json',
  });
}

/** The end of the last of so many attempts; undefined when none is on record. */
export async function readEnd(store: Store, folder: Location, attempts: number): Promise<EndRecord | undefined> {
  try {
    const { body } = await store.read(folder.prefix + END_FILE);
    const end = schema.safeParse(JSON.parse(body.toString())).data;
    return end?.attempts === attempts ? end : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof FanoutError && error.name === 'SourceNotFound'))
      return undefined;
    throw error;
  }
}
