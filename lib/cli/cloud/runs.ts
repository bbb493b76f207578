// The runs of a deployed stack: executions of its state machine, and the Map Run of each.
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  DescribeMapRunCommand,
  type DescribeMapRunCommandOutput,
  ListExecutionsCommand,
  ListMapRunsCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { formatLocation, type Location } from '../../../lambda/contract/location.ts';
import type { Progress } from '../progress.ts';
import type { DeployedStack } from './stack.ts';

/** An execution as it stands, with its Map Run once that has begun. */
export interface Run {
  readonly execution: DescribeExecutionCommandOutput;
  readonly mapRun?: DescribeMapRunCommandOutput;
}

/** The ARN of a run given by its name or ARN; the latest run when none is given. Throws InvalidJob when there is none. */
export async function runArn(
  client: SFNClient,
  { stateMachineArn, name }: DeployedStack,
  run?: string,
): Promise<string> {
  if (run?.startsWith('arn:') === true) return run;
  if (run !== undefined) return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${run}`;
  const { executions } = await client.send(new ListExecutionsCommand({ stateMachineArn, maxResults: 1 }));
  const latest = executions?.[0]?.executionArn;
  if (latest === undefined) throw new FanoutError('InvalidJob', `the stack ${name} has no run yet: image-fanout start`);
  return latest;
}

/** Looks at a run. */
export async function describeRun(client: SFNClient, executionArn: string): Promise<Run> {
  const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
  const mapRunArn = await findMapRun(client, executionArn);
  if (mapRunArn === undefined) return { execution };
  return { execution, mapRun: await client.send(new DescribeMapRunCommand({ mapRunArn })) };
}

/** The ARN of the run's Map Run; undefined while Prepare still works. */
async function findMapRun(client: SFNClient, executionArn: string): Promise<string | undefined> {
  const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn }));
  return mapRuns?.[0]?.mapRunArn;
}

/** The Map Run of a run that is running. Throws InvalidJob when there is nothing to steer. */
export async function runningMapRun(client: SFNClient, executionArn: string): Promise<string> {
  const { execution, mapRun } = await describeRun(client, executionArn);
  if (mapRun?.mapRunArn === undefined || mapRun.status !== 'RUNNING') {
    const state =
      mapRun === undefined
        ? `${execution.status} and has no Map Run`
        : `${execution.status}, its Map Run ${mapRun.status}`;
    throw new FanoutError('InvalidJob', `expected a run whose Map Run is running, ${execution.name} is ${state}`);
  }
  return mapRun.mapRunArn;
}

/** The progress that DescribeMapRun tells; it knows no bytes, and counts skipped keys as succeeded. */
export function progressOf(mapRun: DescribeMapRunCommandOutput, rate: number): Progress {
  const {
    total = 0,
    succeeded = 0,
    failed = 0,
    timedOut = 0,
    aborted = 0,
    pending = 0,
    running = 0,
  } = mapRun.itemCounts ?? {};
  const left = pending + running;
  return {
    total,
    // Step Functions does not say whether it still lists; a run with a total and nothing listed later shows the same.
    complete: total > 0,
    doneBefore: 0,
    succeeded,
    skipped: 0,
    failed: failed + timedOut + aborted,
    bytesIn: 0,
    bytesOut: 0,
    inFlight: running,
    rate,
    ...(rate > 0 ? { eta: (left / rate) * 1000 } : {}),
  };
}

/** Where the account of a run is. */
export function accountOf(results: Location, execution: Pick<DescribeExecutionCommandOutput, 'name'>): string {
  return `${formatLocation(results)}runs/${execution.name}/`;
}
