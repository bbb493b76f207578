// A run of a deployed stack in a few lines for a person.

import { printable } from '../../../lambda/report/printable.ts';
import type { ShortSummary } from '../../../lambda/report/short.ts';
import { PAGE_FILE } from '../../../lambda/report/summary.ts';
import { formatCount, formatDuration } from '../../../lambda/report/units.ts';
import type { WithoutAccount } from '../../../lambda/report/without-account.ts';
import { accountOf, type Run } from './runs.ts';
import type { DeployedStack } from './stack.ts';

/** What became of a run so far: its state, its counts, its settings, its failure, and where its account is. */
export function describeState({ execution, mapRun }: Run, stack: DeployedStack): string {
  const { name, status, startDate, stopDate, error, cause } = execution;
  const lasted =
    startDate === undefined ? '' : ` for ${formatDuration((stopDate?.getTime() ?? Date.now()) - startDate.getTime())}`;
  const lines = [`${name}: ${status}${status === 'RUNNING' ? lasted : lasted.replace('for', 'after')}`];
  if (mapRun !== undefined) {
    const counts = mapRun.itemCounts;
    const states = ['succeeded', 'failed', 'timedOut', 'aborted', 'running', 'pending'] as const;
    const shown = states.filter((state) => state === 'succeeded' || (counts?.[state] ?? 0) > 0);
    lines.push(
      `  keys       ${shown.map((state) => `${formatCount(counts?.[state] ?? 0)} ${LABELS[state]}`).join(', ')} of ${formatCount(counts?.total ?? 0)}`,
      `  at once    ${formatCount(mapRun.maxConcurrency ?? 0)}`,
      `  tolerates  ${tolerance(mapRun.toleratedFailureCount, mapRun.toleratedFailurePercentage)}`,
    );
  }
  if (error !== undefined) lines.push(`  failure    ${printable(error)}: ${firstLine(cause)}`);
  const account = accountOf(stack.results, execution);
  lines.push(`  account    ${account}`, ...pageLine(execution, account));
  return lines.join('\n');
}

/** Where the page of an ended run is; of one that is too large for Lambda's time, what makes it. */
function pageLine({ status, output }: Run['execution'], account: string): string[] {
  if (status === 'RUNNING' || status === 'PENDING_REDRIVE') return [];
  const told = output === undefined ? { page: account + PAGE_FILE } : (JSON.parse(output) as Partial<Told>);
  if (told.page !== undefined) return [`  page       ${printable(told.page)}`];
  if (told.accountError === undefined) return [];
  return [`  page       none, as there is no account: ${printable(told.accountError.error)}; ${told.command}`];
}

/** What an execution's output may say of it. */
type Told = Pick<ShortSummary, 'page'> & Pick<WithoutAccount, 'accountError' | 'command'>;

const LABELS = {
  succeeded: 'succeeded or skipped',
  failed: 'failed',
  timedOut: 'timed out',
  aborted: 'aborted',
  running: 'running',
  pending: 'pending',
} as const;

/** Both bounds are always set; the neutral value of one means that only the other counts. */
function tolerance(most = 0, percentage = 0): string {
  if (percentage >= 100) return `${formatCount(most)} failures`;
  return most >= 100_000_000 ? `${percentage} % failures` : `${formatCount(most)} failures and ${percentage} %`;
}

function firstLine(cause: string | undefined): string {
  if (cause === undefined) return 'no cause given';
  let message = cause;
  try {
    message = (JSON.parse(cause) as { errorMessage?: string }).errorMessage ?? cause;
  } catch {
    // Not every cause is JSON: then it is the message itself.
  }
  return printable(message.split('\n').slice(0, 5).join(' '));
}
