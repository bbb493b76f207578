// `watch`: shows a run of the deployed stack until it ends.
import { SFNClient } from '@aws-sdk/client-sfn';
import { defineCommand, UsageError } from '../command.ts';
import { PROGRESS_OPTION, parseProgress } from '../progress-form.ts';
import { follow } from './follow.ts';
import { runArn } from './runs.ts';
import { findStack, STACK_OPTION } from './stack.ts';

export const command = defineCommand({
  endsLikeRun: true,
  summary:
    'Shows a run of the deployed stack until it ends: the latest, or the one named. Ctrl-C ends the looking, not the run.',
  usage: ['watch [RUN]'],
  arguments: [0, 1],
  options: {
    ...STACK_OPTION,
    json: { type: 'boolean', help: 'The end as one JSON document on standard output.' },
    ...PROGRESS_OPTION,
    quiet: { type: 'boolean', help: 'No progress: only waits.' },
  },
  async run([name], { stack: stackName, json = false, quiet = false, progress }) {
    if (quiet && progress !== undefined) throw new UsageError('expected --quiet or --progress, got both');
    const form = parseProgress(progress);
    const stack = await findStack(stackName);
    const client = new SFNClient();
    return await follow(client, stack, await runArn(client, stack, name), { json, quiet, progress: form });
  },
});
