// The item batcher: selected items become the inputs of children.
import type { ItemBatcher } from '../states-language.ts';
import { type Evaluate, integerField } from './settings.ts';
import { StatesError } from './states-error.ts';
import { fitsPayload, MOST_PAYLOAD_BYTES } from './tasks.ts';

/** The input of one child as JSON text, and how many items are in it. */
export interface ChildInput {
  readonly input: string;
  readonly items: number;
}

export interface Batcher {
  /** Takes one more selected item's JSON; answers the batch that had to be closed, if any. */
  add(item: string): ChildInput | undefined;
  /** The last, unfilled batch, if any. */
  rest(): ChildInput | undefined;
}

/** Reads the ItemBatcher of a Map state; the answer makes batchers with it. */
export function batching(config: ItemBatcher | undefined, evaluate: Evaluate): () => Batcher {
  if (config === undefined) return oneByOne;
  const mostItems = positive(evaluate, config, 'MaxItemsPerBatch');
  const mostBytes = positive(evaluate, config, 'MaxInputBytesPerBatch');
  const head = config.BatchInput === undefined ? '' : `"BatchInput":${JSON.stringify(evaluate(config.BatchInput))},`;
  // Beyond the payload limit a child could not start, so fewer items go together then too.
  const bytes = Math.min(mostBytes ?? MOST_PAYLOAD_BYTES, MOST_PAYLOAD_BYTES);
  return () => batches(head, mostItems ?? Number.POSITIVE_INFINITY, bytes);
}

function oneByOne(): Batcher {
  return { add: (item) => checked({ input: item, items: 1 }), rest: () => undefined };
}

function batches(head: string, mostItems: number, mostBytes: number): Batcher {
  const open = `{${head}"Items":[`;
  const emptyBytes = Buffer.byteLength(open) + 2;
  let items: string[] = [];
  let bytes = emptyBytes;
  function rest(): ChildInput | undefined {
    if (items.length === 0) return undefined;
    const batch = { input: `${open}${items.join(',')}]}`, items: items.length };
    items = [];
    bytes = emptyBytes;
    return checked(batch);
  }
  return {
    rest,
    add(item) {
      const added = Buffer.byteLength(item) + (items.length === 0 ? 0 : 1);
      const closed = items.length > 0 && bytes + added > mostBytes ? rest() : undefined;
      items.push(item);
      bytes += added;
      // At most one of both: a batch that was just begun is full only when one item fills it.
      if (closed === undefined) return items.length >= mostItems ? rest() : undefined;
      return closed;
    },
  };
}

function checked(batch: ChildInput): ChildInput {
  if (fitsPayload(batch.input)) return batch;
  throw new StatesError('States.DataLimitExceeded', `An item makes an input of more than ${MOST_PAYLOAD_BYTES} bytes`);
}

function positive(evaluate: Evaluate, config: ItemBatcher, field: 'MaxItemsPerBatch' | 'MaxInputBytesPerBatch') {
  const value = integerField(evaluate, config, field);
  if (value !== undefined && value < 1) throw new StatesError('States.Runtime', `${field} must be positive.`);
  return value;
}
