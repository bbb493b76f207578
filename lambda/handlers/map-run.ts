// What Step Functions itself counted of a run: for what is told when there is no account.
import { DescribeMapRunCommand, ListMapRunsCommand, type SFNClient } from '@aws-sdk/client-sfn';
import type { ItemCounts } from '../report/without-account.ts';

/** Counts in items, of a Map Run or of an execution's only one, by ARN. Undefined when there is none, or nobody may ask. */
export async function itemCountsOf(client: SFNClient, arn: string): Promise<ItemCounts | undefined> {
  try {
    const mapRunArn = arn.includes(':mapRun:') ? arn : await mapRunOf(client, arn);
    if (mapRunArn === undefined) return undefined;
    const { itemCounts } = await client.send(new DescribeMapRunCommand({ mapRunArn }));
    if (itemCounts === undefined) return undefined;
    const { total = 0, succeeded = 0, failed = 0, timedOut = 0, aborted = 0, pending = 0 } = itemCounts;
    return { total, succeeded, failed: failed + timedOut + aborted, pending };
  } catch {
    return undefined;
  }
}

async function mapRunOf(client: SFNClient, executionArn: string): Promise<string | undefined> {
  const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn }));
  return mapRuns?.[0]?.mapRunArn;
}
