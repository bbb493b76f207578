// One measured run in a process of its own: warms up on one photo, then does the job, and prints the seconds that took.
import '../../bin/setup.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { OWN_FOLDER } from '../../lambda/prepare.ts';
import type { Store } from '../../lambda/store/store.ts';
import { main } from '../../lib/cli/main.ts';
import { bareLoop } from './bare-loop.ts';
import { runWithStores } from './engine-run.ts';
import type { LoopSetting } from './photo-race.ts';

interface Setting {
  readonly who: 'image-fanout' | LoopSetting;
  /** A directory with one photo. */
  readonly warm: string;
  readonly source: string;
  readonly destination: string;
  /** A recipe's file. */
  readonly recipe: string;
  /** Milliseconds before every read and every write; 0 for none. */
  readonly latency: number;
  /** Whether that includes the run's own files, which a bare loop does not have: the job, the results, the account. */
  readonly ownFiles: boolean;
}

const { who, warm, source, destination, recipe, latency, ownFiles } = JSON.parse(process.argv[2] ?? '') as Setting;

async function once(from: string, to: string): Promise<void> {
  if (who !== 'image-fanout') {
    const { concurrency, threads } = who;
    return bareLoop({ source: from, destination: to, concurrency, vipsThreads: threads, latency });
  }
  if (latency > 0) return runWithStores({ source: from, destination: to, recipe }, slow);
  const code = await main(['run', from, to, '--recipe', recipe, '--quiet']);
  if (code !== 0) throw new Error(`image-fanout ended with ${code}`);
}

/** The store with a latency before every read and every write. */
function slow(store: Store): Store {
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
    async save(key, body, options) {
      await delay(key);
      return store.save(key, body, options);
    },
  };
}

await once(warm, `${destination}-warm`);
const started = performance.now();
await once(source, destination);
console.log((performance.now() - started) / 1000);
