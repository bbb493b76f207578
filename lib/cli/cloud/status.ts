// `status`: how a run of the deployed stack stands.
import { SFNClient } from '@aws-sdk/client-sfn';
import { defineCommand, EXIT } from '../command.ts';
import { describeState } from './describe.ts';
import { runDocument } from './follow.ts';
import { describeRun, runArn } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  summary: 'Shows how a run of the deployed stack stands: the latest, or the one named.',
  usage: ['status [RUN]'],
  arguments: [0, 1],
  options: { ...STACK_OPTION, json: { type: 'boolean', help: 'As one JSON document.' } },
  async run([name], { stack: stackName, json = false }) {
    const stack = await findStack(stackName);
    const client = new SFNClient();
    const run = await describeRun(client, await runArn(client, stack, name));
    process.stdout.write(
      json ? `${JSON.stringify(runDocument(run), undefined, 2)}\n` : `${describeState(run, stack)}\n`,
    );
    return EXIT.succeeded;
  },
});
