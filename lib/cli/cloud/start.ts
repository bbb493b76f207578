// `start`: starts a job on the deployed stack, once per name.
import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { canonicalJson } from '../../../lambda/contract/fingerprint.ts';
import { isDirectory } from '../../../lambda/contract/location.ts';
import { askedFor } from '../../../lambda/job/asked.ts';
import { invalidJob, parseJob } from '../../../lambda/job/job.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS, jobInput } from '../job-options.ts';
import { newRunId } from '../run-id.ts';
import { follow } from './follow.ts';
import { accountOf, runArn } from './runs.ts';
import { runSelfTest } from './self-test.ts';
import { findStack, STACK_OPTION } from './stack.ts';

/** https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: bytes of an execution's input. */
const MOST_INPUT = 262_144;

export const command = defineCommand({
  endsLikeRun: true,
  summary: 'Starts a job on the deployed stack.',
  usage: ['start [options]', 'start s3://SRC/ s3://DST/ [options]', 'start --job FILE [options]', 'start --self-test'],
  arguments: [0, 2],
  details: ["What a job does not say is the stack's default. The same name with the same job starts nothing twice."],
  options: {
    ...JOB_OPTIONS,
    ...JOB_FILE_OPTION,
    ...STACK_OPTION,
    name: { type: 'string', value: 'NAME', help: 'The name of the run. Default: the time and something random.' },
    watch: { type: 'boolean', help: 'Shows the run until it ends.' },
    'self-test': {
      type: 'boolean',
      help: 'Runs generated images through every reader, a failure, a redrive and the word of each end; checks and cleans up.',
    },
    json: { type: 'boolean', help: 'The answer as JSON on standard output.' },
    quiet: { type: 'boolean', help: 'No progress and no summary.' },
  },
  async run(positionals, options) {
    const { json = false, quiet = false, name = newRunId() } = options;
    // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(name))
      throw new UsageError(`--name: expected 1 to 80 letters, digits, - or _, got ${JSON.stringify(name)}`);
    const job = await jobInput(positionals, options);
    if (options['self-test'] === true) {
      if (Object.keys(job).length > 0)
        throw new UsageError(`expected no job with --self-test, got ${Object.keys(job).join(', ')}`);
      return await runSelfTest(await findStack(options.stack), name, { json, quiet });
    }
    checkForCloud(job);
    const input = JSON.stringify(job);
    const size = Buffer.byteLength(input);
    if (size > MOST_INPUT) {
      throw invalidJob([
        `the job: expected at most ${MOST_INPUT} bytes, got ${size}; put its keys into a manifest in S3`,
      ]);
    }
    const stack = await findStack(options.stack);
    const client = new SFNClient();
    const executionArn = await runArn(client, stack, name);
    const started = await startOnce(client, stack.stateMachineArn, executionArn, name, input);
    if (options.watch === true) return await follow(client, stack, executionArn, { json, quiet });
    if (json) process.stdout.write(`${JSON.stringify({ executionArn, name, started }, undefined, 2)}\n`);
    else if (!quiet) {
      process.stdout.write(
        `${started ? 'Started' : 'Was started before, with the same job:'} ${name}\n  watch    npx image-fanout watch ${name}\n  account  ${accountOf(stack.results, { name })}\n`,
      );
    }
    return EXIT.succeeded;
  },
});

/** Whether the execution was started now; false when it was, with the same input, before. */
async function startOnce(
  client: SFNClient,
  stateMachineArn: string,
  executionArn: string,
  name: string,
  input: string,
): Promise<boolean> {
  try {
    await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
    return true;
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
    const before = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (canonicalJson(JSON.parse(before.input ?? '{}')) === canonicalJson(JSON.parse(input))) return false;
    throw invalidJob([
      `--name: expected a new name, ${name} was started ${before.startDate?.toISOString()} with another job`,
    ]);
  }
}

/** What this machine can tell before AWS is asked: all problems of the fields, and places that only exist here. */
function checkForCloud(input: Record<string, unknown>): void {
  const job = parseJob(askedFor(input).job);
  const problems = (['source', 'destination', 'results'] as const).flatMap((field) => {
    const location = job[field];
    return location !== undefined && isDirectory(location)
      ? [`${field}: expected s3://bucket/prefix/, got ${JSON.stringify(input[field])}`]
      : [];
  });
  if (job.manifest !== undefined && !job.manifest.startsWith('s3://')) {
    problems.push(`manifest: expected s3://bucket/key, got ${JSON.stringify(job.manifest)}`);
  }
  if (problems.length > 0) throw invalidJob(problems);
}
