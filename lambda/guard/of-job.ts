// Which guards a job asks for.
import { definedOnly } from '../contract/defined.ts';
import type { Guards } from '../contract/guards.ts';
import type { PreparedJob } from '../job/prepared.ts';

/** The guards of a prepared job; an empty object for one that asks for none. */
export function guardsOf({ deadline, breaker, maxCost, ramp, maxConcurrency }: PreparedJob): Guards {
  return definedOnly({ deadline, breaker, maxCost, ramp: ramp && { ...ramp, maxConcurrency } });
}
