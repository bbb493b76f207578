// Starts a new run on this machine.
import { durationOf } from '../../lambda/contract/duration.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import type { Json } from '../states-language.ts';
import type { ExitCode } from './command.ts';
import { defaultConcurrency } from './execute.ts';
import { itemsFor } from './job-items.ts';
import { type How, runHere } from './local-run.ts';
import { newRunId } from './run-id.ts';
import { withStandardInput } from './standard-input.ts';

/** Runs a job as written. Throws InvalidJob; answers the exit code. */
export async function startRun(given: Record<string, unknown>, how: How): Promise<ExitCode> {
  const defaults = { maxConcurrency: defaultConcurrency() };
  await using list = await withStandardInput(given);
  const { input } = list;
  const { deadline } = input;
  return await runHere(
    {
      run: newRunId(),
      input: input as Json,
      prepare: (open) =>
        createPrepare({ open, defaults, engine: 'embedded', itemsOf: itemsFor(open), keepsManifest: list.isRead }),
    },
    // Known before Prepare is, which may be waiting for a service that does not answer.
    { ...how, deadline: typeof deadline === 'string' ? durationOf(deadline) : undefined },
  );
}
