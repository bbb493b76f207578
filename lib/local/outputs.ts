// The output of a Map state without a ResultWriter: its children's outputs in item order, as far as they fit.
import type { Json } from '../states-language.ts';
import { StatesError } from './states-error.ts';
import { MOST_PAYLOAD_BYTES } from './tasks.ts';

export interface Outputs {
  add(ordinal: number, output: Json): void;
  /** Throws States.DataLimitExceeded when they are more than a payload may hold. */
  all(): Json;
}

/** Keeps no more in memory than a payload may hold. */
export function createOutputs(stateName: string): Outputs {
  const kept: (readonly [number, Json])[] = [];
  let bytes = 2;
  const fits = () => bytes <= MOST_PAYLOAD_BYTES;
  return {
    add(ordinal, output) {
      bytes += Buffer.byteLength(JSON.stringify(output)) + (kept.length === 0 ? 0 : 1);
      if (fits()) kept.push([ordinal, output]);
      else kept.length = 0;
    },
    all() {
      if (fits()) return kept.sort(([a], [b]) => a - b).map(([, output]) => output);
      throw new StatesError(
        'States.DataLimitExceeded',
        `The state/task '${stateName}' returned a result with a size exceeding the maximum number of bytes service limit.`,
      );
    },
  };
}
