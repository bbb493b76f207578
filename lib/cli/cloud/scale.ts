// `scale`: changes the concurrency of a running run.
import { SFNClient, UpdateMapRunCommand } from '@aws-sdk/client-sfn';
import { MOST_CONCURRENCY } from '../../../lambda/job/job.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { runArn, runningMapRun } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  summary: 'Sets how many keys a running run has in flight at once: of the latest run, or the one named.',
  usage: ['scale N [RUN]'],
  arguments: [1, 2],
  options: STACK_OPTION,
  async run([given = '', name], { stack: stackName }) {
    const maxConcurrency = /^\d+$/.test(given) ? Number(given) : 0;
    if (maxConcurrency < 1 || maxConcurrency > MOST_CONCURRENCY) {
      throw new UsageError(`expected a whole number from 1 to ${MOST_CONCURRENCY}, got ${JSON.stringify(given)}`);
    }
    const stack = await findStack(stackName);
    const client = new SFNClient();
    const mapRunArn = await runningMapRun(client, await runArn(client, stack, name));
    await client.send(new UpdateMapRunCommand({ mapRunArn, maxConcurrency }));
    process.stdout.write(`At most ${maxConcurrency} at once from now on; what runs already is not cut short.\n`);
    return EXIT.succeeded;
  },
});
