// A child of a run as the tests of `process` run it: prepared, handled, and what became of each key.
import type { Outcome } from '../../lambda/contract/outcome.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import type { ProcessEvent } from '../../lambda/job/prepared.ts';
import { outcomesOf } from '../../lambda/job/wire.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import type { Process } from '../../lambda/process/process.ts';
import type { Places } from './places.ts';

/** The input of one child with all of the keys, of a run that has been prepared. */
export async function eventOf(
  { open, source, destination }: Places,
  keys: readonly string[],
  name: string,
  job: JobInput,
): Promise<ProcessEvent> {
  const all = keys.map((key) => source.prefix + key);
  const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } });
  const state = await prepare({ input: { keys: all, ...job }, execution: { name, startTime: '2026-01-01T00:00:00Z' } });
  return { BatchInput: { run: state.run }, Items: all.map((item, index) => ({ index, item })) };
}

/** What became of each key, also of a child that failed or was stopped. */
export async function outcomesFrom(handler: Process, event: ProcessEvent): Promise<Outcome[]> {
  try {
    return [...(await handler(event)).outcomes];
  } catch (error) {
    const { name: errorType, message: errorMessage } = error as Error;
    const status = errorType === 'Execution.Stopped' ? 'ABORTED' : 'FAILED';
    const cause = JSON.stringify({ errorType, errorMessage });
    return outcomesOf({ status, input: event, error: errorType, cause }, 'KEYS');
  }
}

/** A word for each key: its status, the class of a failure, the reason of a skip. */
export const states = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map((outcome) =>
    outcome.status === 'failed' ? outcome.error : outcome.status === 'skipped' ? outcome.reason : outcome.status,
  );
