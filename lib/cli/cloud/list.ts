// The runs of a deployed stack: what `list` shows where no destination is named.
import { type ListExecutionsCommand, paginateListExecutions, SFNClient } from '@aws-sdk/client-sfn';
import { formatDuration } from '../../../lambda/report/units.ts';
import { UsageError } from '../command.ts';
import { findStack } from './stack.ts';

const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'] as const;

/** Its latest runs, at most so many, and each as a line. Throws UsageError for a status that is none of Step Functions'. */
export async function runsOfStack(
  stackName: string | undefined,
  most: number,
  status: string | undefined,
): Promise<{ readonly runs: readonly object[]; readonly lines: readonly string[] }> {
  const statusFilter = STATUSES.find((known) => known === status?.toUpperCase());
  if (status !== undefined && statusFilter === undefined)
    throw new UsageError(`--status: expected one of ${STATUSES.join(', ')} for a stack, got ${status}`);
  const { stateMachineArn } = await findStack(stackName);
  const runs = await listRuns(stateMachineArn, most, statusFilter);
  const lines = runs.map(({ name, status: state, startDate, stopDate }) => {
    const lasted = startDate && stopDate ? formatDuration(stopDate.getTime() - startDate.getTime()) : '';
    return `${startDate?.toISOString().slice(0, 19)}Z  ${state?.padEnd(15)}  ${lasted.padStart(12)}  ${name}`;
  });
  return { runs, lines };
}

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
