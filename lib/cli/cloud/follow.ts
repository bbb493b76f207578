// Follows a run of a deployed stack until it ends, with the same display as a run on this machine.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { EXIT, type ExitCode } from '../command.ts';
import { showProgress } from '../display.ts';
import { watchInterrupts } from '../interrupt.ts';
import { type Progress, rateOver } from '../progress.ts';
import { JSON_EVERY, type ProgressForm } from '../progress-form.ts';
import { describeState } from './describe.ts';
import { describeRun, progressOf, type Run } from './runs.ts';
import type { DeployedStack } from './stack.ts';

/** DescribeMapRun allows about one call a second for the whole account. */
const ASK_EVERY = 2_000;

const RATE_WINDOW = 30_000;

export interface FollowOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Default: text. */
  readonly progress?: ProgressForm;
}

/** Shows a run until it ends, then what became of it. Ctrl-C ends the looking, not the run. */
export async function follow(
  client: SFNClient,
  stack: DeployedStack,
  executionArn: string,
  { json, quiet, progress: form = 'text' }: FollowOptions,
): Promise<ExitCode> {
  let progress: Progress | undefined;
  const ending = new AbortController();
  const display = showProgress({
    stream: process.stderr,
    read: () => progress,
    quiet: quiet || form === 'none',
    ...(form === 'json' ? { json: true, every: JSON_EVERY } : {}),
  });
  using _interrupts = watchInterrupts({ drain: () => ending.abort(), abort: () => {} });
  try {
    const rate = rateOver(RATE_WINDOW, () => performance.now());
    for (;;) {
      const run = await describeRun(client, executionArn);
      if (run.mapRun !== undefined) {
        const { succeeded = 0, failed = 0 } = run.mapRun.itemCounts ?? {};
        progress = progressOf(run.mapRun, rate(succeeded + failed));
      }
      if (run.execution.status !== 'RUNNING' && run.execution.status !== 'PENDING_REDRIVE') {
        display.end();
        return finish(run, stack, { json, quiet });
      }
      await sleep(ASK_EVERY, undefined, { signal: ending.signal });
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    display.say('Stopped looking; the run goes on. To stop it: image-fanout stop');
    return EXIT.interrupted;
  } finally {
    display.end();
  }
}

function finish(run: Run, stack: DeployedStack, { json, quiet }: FollowOptions): ExitCode {
  const { execution, mapRun } = run;
  if (json) process.stdout.write(`${JSON.stringify(runDocument(run), undefined, 2)}\n`);
  else if (!quiet) process.stdout.write(`${describeState(run, stack)}\n`);
  if (execution.status === 'SUCCEEDED') return (mapRun?.itemCounts?.failed ?? 0) > 0 ? EXIT.tolerated : EXIT.succeeded;
  return mapRun === undefined ? EXIT.notStarted : EXIT.stopped;
}

/** A run as one JSON document, for scripts. */
export function runDocument({ execution, mapRun }: Run): unknown {
  const { executionArn, name, status, startDate, stopDate, error, cause, output } = execution;
  return {
    executionArn,
    name,
    status,
    startDate,
    stopDate,
    error,
    cause,
    summary: output === undefined ? undefined : JSON.parse(output),
    mapRun: mapRun && {
      mapRunArn: mapRun.mapRunArn,
      status: mapRun.status,
      maxConcurrency: mapRun.maxConcurrency,
      toleratedFailureCount: mapRun.toleratedFailureCount,
      toleratedFailurePercentage: mapRun.toleratedFailurePercentage,
      itemCounts: mapRun.itemCounts,
    },
  };
}
