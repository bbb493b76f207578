// `redrive`: carries a run of the deployed stack on from where it ended.
import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { defineCommand, EXIT } from '../command.ts';
import { follow } from './follow.ts';
import { runArn } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  summary: 'Carries on a run that failed, was stopped or timed out: does what is failed or pending, and nothing else.',
  usage: ['redrive [RUN]'],
  arguments: [0, 1],
  details: ['Step Functions allows it for 14 days after the end of the run.'],
  options: {
    ...STACK_OPTION,
    watch: { type: 'boolean', help: 'Shows the run until it ends.' },
    json: { type: 'boolean', help: 'With --watch: the end as one JSON document.' },
    quiet: { type: 'boolean', help: 'With --watch: no progress.' },
  },
  async run([name], { stack: stackName, watch = false, json = false, quiet = false }) {
    const stack = await findStack(stackName);
    const client = new SFNClient();
    const executionArn = await runArn(client, stack, name);
    await client.send(new RedriveExecutionCommand({ executionArn }));
    if (watch) return await follow(client, stack, executionArn, { json, quiet });
    const run = executionArn.split(':').at(-1);
    process.stdout.write(`Redriven ${run}\n  watch  npx image-fanout watch ${run}\n`);
    return EXIT.succeeded;
  },
});
