// `tolerate`: changes the failures that a running run tolerates.
import { SFNClient, UpdateMapRunCommand } from '@aws-sdk/client-sfn';
import { ALL_ITEMS } from '../../../lambda/job/job.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { runArn, runningMapRun } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  summary: 'Sets the failures that do not stop a running run: of the latest run, or the one named.',
  usage: ['tolerate N [RUN]', 'tolerate N% [RUN]'],
  arguments: [1, 2],
  options: STACK_OPTION,
  async run([given = '', name], { stack: stackName }) {
    const bounds = parseTolerance(given);
    const stack = await findStack(stackName);
    const client = new SFNClient();
    const mapRunArn = await runningMapRun(client, await runArn(client, stack, name));
    await client.send(new UpdateMapRunCommand({ mapRunArn, ...bounds }));
    process.stdout.write(`Tolerates ${given} failures from now on; one more stops the run.\n`);
    return EXIT.succeeded;
  },
});

/** Both bounds, as the run fails when either is exceeded: the one that is not meant gets its neutral value. Throws UsageError. */
function parseTolerance(given: string): {
  readonly toleratedFailureCount: number;
  readonly toleratedFailurePercentage: number;
} {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(given) ?? [];
  const value = Number(number);
  if (percent === '%' && value <= 100) return { toleratedFailureCount: ALL_ITEMS, toleratedFailurePercentage: value };
  if (percent === '' && Number.isInteger(value) && value <= ALL_ITEMS)
    return { toleratedFailureCount: value, toleratedFailurePercentage: 100 };
  throw new UsageError(
    `expected a whole number such as 10, or a percentage such as 2.5%, got ${JSON.stringify(given)}`,
  );
}
