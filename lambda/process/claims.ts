// Output keys that are being worked on in this process: who comes second waits, and looks at what the first has left.
import { objectUri } from '../contract/location.ts';
import { collision } from './outputs.ts';

/** One turn of a source: a source that stands in the input twice has two. */
interface Holder {
  readonly source: string;
  /** The holder that this one waits for. */
  waitsFor?: Holder;
}

/** The claims of one process. */
export interface Claims {
  /** Begins a turn of a source at the keys of a bucket. It holds none of them yet. */
  turn(source: string, bucket: string): Claim;
}

/** What one turn holds. */
export interface Claim {
  /**
   * Takes the keys and holds them until `release`. Undefined when they were free: then nothing is to be waited for. A key that another turn holds is waited for, because only its end tells whether it left an output there: one that
   * failed has none, and keeps nobody from the key. Throws OutputCollision where each waits for the other.
   */
  take(keys: readonly string[]): Promise<void> | undefined;
  release(): void;
}

/** Makes the claims of one process. */
export function createClaims(): Claims {
  const holders = new Map<string, Holder>();
  const waiting = new Map<string, (() => void)[]>();

  async function ended(mine: Holder, uri: string, key: string, other: Holder): Promise<void> {
    for (let at: Holder | undefined = other; at !== undefined; at = at.waitsFor) {
      if (at === mine) throw collision(key, mine.source, other.source);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const queue = waiting.get(uri);
    if (queue === undefined) waiting.set(uri, [resolve]);
    else queue.push(resolve);
    mine.waitsFor = other;
    await promise;
    delete mine.waitsFor;
  }

  return {
    turn(source, bucket) {
      const mine: Holder = { source };
      const held = new Set<string>();

      function other(uri: string): Holder | undefined {
        const holder = holders.get(uri);
        return holder === mine ? undefined : holder;
      }

      function hold(uri: string): void {
        holders.set(uri, mine);
        held.add(uri);
      }

      async function takeInTurn(keys: readonly string[]): Promise<void> {
        for (const key of keys) {
          const uri = objectUri(bucket, key);
          for (let holder = other(uri); holder !== undefined; holder = other(uri)) await ended(mine, uri, key, holder);
          hold(uri);
        }
      }

      return {
        take(keys) {
          const uris = keys.map((key) => objectUri(bucket, key));
          if (uris.some((uri) => other(uri) !== undefined)) return takeInTurn(keys);
          for (const uri of uris) hold(uri);
          return undefined;
        },
        release() {
          for (const uri of held) {
            holders.delete(uri);
            const queue = waiting.get(uri);
            waiting.delete(uri);
            for (const resolve of queue ?? []) resolve();
          }
          held.clear();
        },
      };
    },
  };
}
