// `stop`: stops a run of the deployed stack.
import { SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { defineCommand, EXIT } from '../command.ts';
import { runArn } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  summary: 'Stops a run of the deployed stack: the latest, or the one named.',
  usage: ['stop [RUN]'],
  arguments: [0, 1],
  details: [
    'No new key is started. What runs already is an EXPRESS execution, which cannot be stopped: it ends by itself\nwithin five minutes. The rest is pending, and `redrive` carries on from there.',
  ],
  options: {
    ...STACK_OPTION,
    cause: { type: 'string', value: 'TEXT', help: "The reason, for the execution's history." },
  },
  async run([name], { stack: stackName, cause = 'Stopped by image-fanout stop' }) {
    const stack = await findStack(stackName);
    const client = new SFNClient();
    const executionArn = await runArn(client, stack, name);
    await client.send(new StopExecutionCommand({ executionArn, error: 'Stopped', cause }));
    const run = executionArn.split(':').at(-1);
    process.stdout.write(
      `Stopped ${run}: what runs ends by itself within five minutes, the rest is pending.\n  carry on  npx image-fanout redrive ${run}\n`,
    );
    return EXIT.succeeded;
  },
});
