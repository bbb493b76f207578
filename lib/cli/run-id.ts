// Names of runs: they sort by time and never meet.
import { randomBytes } from 'node:crypto';

/** For example `20261122T140506Z-3f9a1c`: also a valid name of a Step Functions execution and of a folder. */
export function newRunId(at: Date = new Date()): string {
  const time = at.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${randomBytes(3).toString('hex')}`;
}
