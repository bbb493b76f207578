// Records of result files: one per child execution, exactly the service's fields, in alphabetical order.
import type { Json } from '../states-language.ts';
import type { ChildStatus } from './counts.ts';

/** A record as a result file holds it: `Input` and `Output` are JSON texts. */
export interface ChildRecord {
  readonly Cause?: string;
  readonly Error?: string;
  readonly ExecutionArn?: string;
  readonly Input: string;
  readonly InputDetails: { readonly Included: true };
  readonly Name?: string;
  readonly Output?: string;
  readonly OutputDetails?: { readonly Included: true };
  readonly RedriveCount?: number;
  readonly RedriveStatus?: string;
  readonly RedriveStatusReason?: string;
  readonly StartDate?: string;
  readonly StateMachineArn?: string;
  readonly Status: ChildStatus;
  readonly StopDate?: string;
}

/** A record with `Input` and `Output` parsed: what events carry. */
export type ChildEnd = Omit<ChildRecord, 'Input' | 'Output'> & { readonly Input: Json; readonly Output?: Json };

const INCLUDED = { Included: true } as const;

export interface EndedChild {
  readonly status: Exclude<ChildStatus, 'PENDING'>;
  readonly type: 'STANDARD' | 'EXPRESS';
  readonly arn: string;
  readonly machineArn: string;
  readonly name: string;
  readonly input: string;
  readonly output?: string | undefined;
  readonly error?: string;
  readonly cause?: string;
  readonly redrives: number;
  /** Epoch milliseconds. */
  readonly started: number;
  readonly stopped: number;
}

/** The record of a child that was started. RedriveStatus is for STANDARD children only. */
export function endedRecord(child: EndedChild): ChildRecord {
  const { status, error, cause, output } = child;
  return {
    ...(cause === undefined ? {} : { Cause: cause }),
    ...(error === undefined ? {} : { Error: error }),
    ExecutionArn: child.arn,
    Input: child.input,
    InputDetails: INCLUDED,
    Name: child.name,
    ...(output === undefined ? {} : { Output: output }),
    OutputDetails: INCLUDED,
    RedriveCount: child.redrives,
    ...(child.type === 'EXPRESS' ? {} : redriveStatus(status)),
    StartDate: new Date(child.started).toISOString(),
    StateMachineArn: child.machineArn,
    Status: status,
    StopDate: new Date(child.stopped).toISOString(),
  };
}

function redriveStatus(status: EndedChild['status']): Partial<ChildRecord> {
  if (status !== 'SUCCEEDED') return { RedriveStatus: 'REDRIVABLE_BY_MAP_RUN' };
  return {
    RedriveStatus: 'NOT_REDRIVABLE',
    RedriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
  };
}

/** The record of a child that was never started. */
export function pendingRecord(input: string): ChildRecord {
  return { Input: input, InputDetails: INCLUDED, Status: 'PENDING' };
}

/** The record with its texts parsed, given the values that they came from. */
export function parsedRecord(record: ChildRecord, input: Json, output: Json | undefined): ChildEnd {
  const { Input: _, Output: __, ...rest } = record;
  return { ...rest, Input: input, ...(output === undefined ? {} : { Output: output }) };
}
