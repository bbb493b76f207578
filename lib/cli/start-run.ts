// Starts a new run on this machine.
import { durationOf } from '../../lambda/contract/duration.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import type { Json } from '../states-language.ts';
import type { ExitCode } from './command.ts';
import { defaultConcurrency } from './execute.ts';
import { type How, runHere } from './local-run.ts';
import { newRunId } from './run-id.ts';

/** Runs a job as written. Throws InvalidJob; answers the exit code. */
export function startRun(input: Record<string, unknown>, how: How): Promise<ExitCode> {
  const defaults = { maxConcurrency: defaultConcurrency() };
  const { deadline } = input;
  return runHere(
    { run: newRunId(), input: input as Json, prepare: (open) => createPrepare({ open, defaults, engine: 'embedded' }) },
    // Known before Prepare is, which may be waiting for a service that does not answer.
    { ...how, deadline: typeof deadline === 'string' ? durationOf(deadline) : undefined },
  );
}
