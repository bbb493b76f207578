// What a run's threads and the engine say to each other: structured clones, so that no half holds what the other works on.
import { definedOnly } from '../../lambda/contract/defined.ts';
import { FanoutError, isErrorName } from '../../lambda/contract/errors.ts';
import type { ProcessResult } from '../../lambda/contract/outcome.ts';
import type { ProcessEvent } from '../../lambda/job/prepared.ts';

/** How a thread works; nothing of it changes what it does. */
export interface ThreadSetting {
  /** Image work in processes of its own. */
  readonly isolate: boolean;
  /** Images that are decoded and encoded at once. */
  readonly images: number;
  /** For how many of those a stop waits. */
  readonly awaited: number;
  /** Most bytes that sources and outputs may take. */
  readonly bytes: number;
}

/** An error by the name that Retry and Catch match. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Of a FanoutError: what it says beside its message. */
  readonly details?: { readonly expected?: string; readonly met?: string };
}

/** To a thread. `call` numbers the work, `turn` a source's turn at its output keys. */
export type ToThread =
  | { readonly type: 'work'; readonly call: number; readonly event: ProcessEvent }
  | { readonly type: 'abort'; readonly call: number; readonly error: SentError }
  /** For all calls, those to come as well. */
  | { readonly type: 'stop'; readonly error: SentError }
  | { readonly type: 'taken'; readonly take: number; readonly error?: SentError }
  | { readonly type: 'close' };

/** From a thread. */
export type FromThread =
  | { readonly type: 'done'; readonly call: number; readonly result: ProcessResult }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError }
  | { readonly type: 'clock'; readonly call: number; readonly paused: boolean }
  | { readonly type: 'turn'; readonly turn: number; readonly source: string; readonly bucket: string }
  | { readonly type: 'take'; readonly turn: number; readonly take: number; readonly keys: readonly string[] }
  | { readonly type: 'release'; readonly turn: number }
  | { readonly type: 'throttled' }
  | {
      readonly type: 'retrying';
      readonly error: { readonly name: string; readonly message: string };
      readonly milliseconds: number;
    }
  /** The globs that have matched no key in this thread so far. */
  | { readonly type: 'unused'; readonly globs: readonly string[] };

/** What can be sent of whatever was thrown. */
export function sentError(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { name, message, stack } = thrown;
  if (!(thrown instanceof FanoutError)) return { name, message, stack };
  return { name, message, stack, details: definedOnly({ expected: thrown.expected, met: thrown.met }) };
}

/** The error on this side: a name of ours is what tells classes apart. */
export function receivedError({ name, message, stack, details }: SentError): Error {
  const error =
    details !== undefined && isErrorName(name)
      ? new FanoutError(name, message, details)
      : Object.assign(new Error(message), { name });
  if (stack !== undefined) error.stack = stack;
  return error;
}
