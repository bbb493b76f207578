// A store with a latency before every read and every write.
import { setTimeout as sleep } from 'node:timers/promises';
import { OWN_FOLDER } from '../../lambda/contract/environment.ts';
import type { Store } from '../../lambda/store/store.ts';

export interface Slowness {
  /** Milliseconds. */
  readonly latency: number;
  /** Whether that includes the run's own files: the job, the results, the account. */
  readonly ownFiles: boolean;
}

/** Wraps a store. */
export function slowStore(store: Store, { latency, ownFiles }: Slowness): Store {
  const delay = (key: string) => (!ownFiles && key.startsWith(OWN_FOLDER) ? undefined : sleep(latency));
  return {
    list: (prefix, options) => store.list(prefix, options),
    head: (key, options) => store.head(key, options),
    close: () => store.close(),
    async read(key, options) {
      await delay(key);
      return store.read(key, options);
    },
    async open(key, options) {
      await delay(key);
      return store.open(key, options);
    },
    async write(key, body, options) {
      await delay(key);
      return store.write(key, body, options);
    },
    async invalidate(key, expect, options) {
      await delay(key);
      return store.invalidate(key, expect, options);
    },
    async remove(key, expect, options) {
      await delay(key);
      return store.remove(key, expect, options);
    },
    async save(key, body, options) {
      await delay(key);
      return store.save(key, body, options);
    },
  };
}
