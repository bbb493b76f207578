// `list`: the runs of the deployed stack, latest first.
import { type ListExecutionsCommand, paginateListExecutions, SFNClient } from '@aws-sdk/client-sfn';
import { formatDuration } from '../../../lambda/report/units.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { findStack, STACK_OPTION } from './stack.ts';

const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'] as const;

export const command = defineCommand({
  summary: 'Lists the runs of the deployed stack, latest first.',
  usage: ['list'],
  arguments: [0, 0],
  options: {
    ...STACK_OPTION,
    status: { type: 'string', value: 'STATUS', help: `Only runs that are ${STATUSES.join(', ')}.` },
    most: { type: 'string', value: 'N', help: 'At most so many. Default: 20.' },
    json: { type: 'boolean', help: 'As a JSON array.' },
  },
  async run(_, { stack: stackName, status, most = '20', json = false }) {
    const statusFilter = STATUSES.find((known) => known === status?.toUpperCase());
    if (status !== undefined && statusFilter === undefined)
      throw new UsageError(`--status: expected one of ${STATUSES.join(', ')}, got ${status}`);
    if (!/^[1-9]\d*$/.test(most))
      throw new UsageError(`--most: expected a whole number of at least 1, got ${JSON.stringify(most)}`);
    const { stateMachineArn } = await findStack(stackName);
    const runs = await listRuns(stateMachineArn, Number(most), statusFilter);
    const lines = runs.map(({ name, status: state, startDate, stopDate }) => {
      const lasted = startDate && stopDate ? formatDuration(stopDate.getTime() - startDate.getTime()) : '';
      return `${startDate?.toISOString().slice(0, 19)}Z  ${state?.padEnd(15)}  ${lasted.padStart(12)}  ${name}`;
    });
    process.stdout.write(json ? `${JSON.stringify(runs, undefined, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
    return EXIT.succeeded;
  },
});

async function listRuns(stateMachineArn: string, most: number, statusFilter: (typeof STATUSES)[number] | undefined) {
  const query = {
    stateMachineArn,
    ...(statusFilter === undefined ? {} : { statusFilter }),
  } satisfies ListExecutionsCommand['input'];
  const pages = paginateListExecutions({ client: new SFNClient(), pageSize: Math.min(most, 1000) }, query);
  const runs = [];
  for await (const { executions = [] } of pages) {
    runs.push(
      ...executions.map(({ executionArn, name, status, startDate, stopDate }) => ({
        executionArn,
        name,
        status,
        startDate,
        stopDate,
      })),
    );
    if (runs.length >= most) break;
  }
  return runs.slice(0, most);
}
