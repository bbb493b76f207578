// Names and ARNs of executions, Map Runs and children, in Step Functions' forms, for the place that is this machine.
import { createHash, randomUUID } from 'node:crypto';

const PLACE = 'local:000000000000';

/** The state machine's ARN. */
export function stateMachineArn(stateMachine: string): string {
  return `arn:aws:states:${PLACE}:stateMachine:${stateMachine}`;
}

/** The parent execution's ARN. */
export function executionArn(stateMachine: string, name: string): string {
  return `arn:aws:states:${PLACE}:execution:${stateMachine}:${name}`;
}

/** The role that `$$.Execution.RoleArn` names; nothing is done with it. */
export const ROLE_ARN = 'arn:aws:iam::000000000000:role/local';

/** The names of one Map Run, and of its children. */
export interface MapRunNames {
  readonly uuid: string;
  readonly mapRunArn: string;
  /** ARN of the children's state machine: `…:stateMachine:<machine>/<label>`. */
  readonly childMachineArn: string;
  childArn(name: string): string;
}

/** The ARNs of a Map Run, as the service forms them. A child's name is a UUID; an EXPRESS child's ARN ends in a second one. */
export function mapRunNames(
  stateMachine: string,
  label: string,
  uuid: string,
  type: 'STANDARD' | 'EXPRESS',
): MapRunNames {
  const kind = type === 'EXPRESS' ? 'express' : 'execution';
  const prefix = `arn:aws:states:${PLACE}:${kind}:${stateMachine}/${label}:`;
  return {
    uuid,
    mapRunArn: `arn:aws:states:${PLACE}:mapRun:${stateMachine}/${label}:${uuid}`,
    childMachineArn: stateMachineArn(`${stateMachine}/${label}`),
    childArn: (name) => (type === 'EXPRESS' ? `${prefix}${name}:${randomUUID()}` : prefix + name),
  };
}

/**
 * The UUID of a Map Run. Unlike the service's it follows from the execution, the state and the try, so that a run that
 * was killed is found again from its name alone.
 */
export function mapRunUuid(execution: string, state: string, attempt = 0): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([execution, state, attempt]))
    .digest()
    .subarray(0, 16);
  // Version 8 (custom) and variant bits: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
