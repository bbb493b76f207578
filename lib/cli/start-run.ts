// Starts a new run on this machine.
import { durationOf } from '../../lambda/contract/duration.ts';
import { askedFor } from '../../lambda/job/asked.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import type { Json } from '../states-language.ts';
import { EXIT, type ExitCode } from './command.ts';
import { defaultConcurrency } from './execute.ts';
import { itemsFor } from './job-items.ts';
import { type How, runHere } from './local-run.ts';
import { newRunId } from './run-id.ts';
import { withStandardInput } from './standard-input.ts';

/** A job file may ask for its plan only, as the console's input may. */
async function showPlan(input: Record<string, unknown>, { json, quiet }: How): Promise<ExitCode> {
  const { planJob } = await import('./plan-job.ts');
  const { planText } = await import('./plan-text.ts');
  const { report, where } = await planJob({ input, quiet: quiet || json });
  process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : planText(report, where));
  return EXIT.succeeded;
}

/** Runs a job as written. Throws InvalidJob; answers the exit code. */
export async function startRun(given: Record<string, unknown>, how: How): Promise<ExitCode> {
  const defaults = { maxConcurrency: defaultConcurrency() };
  await using list = await withStandardInput(given);
  const { input } = list;
  const asked = askedFor(input);
  if (asked.plan) return await showPlan(asked.job as Record<string, unknown>, how);
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
