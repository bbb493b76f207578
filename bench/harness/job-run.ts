// The job as a contender, with all that the command line loads and sets up; under latency, over stores that are slow.
import '../../bin/setup.js';
import { main } from '../../lib/cli/main.ts';
import { runWithStores } from './engine-run.ts';
import { type Slowness, slowStore } from './slow-store.ts';

/** Does the job from one directory to another. Throws when a key did not succeed. */
export async function runJob(source: string, destination: string, recipe: string, slowness: Slowness): Promise<void> {
  if (slowness.latency > 0) {
    return runWithStores({ source, destination, recipe }, (store) => slowStore(store, slowness));
  }
  const code = await main(['run', source, destination, '--recipe', recipe, '--quiet']);
  if (code !== 0) throw new Error(`image-fanout ended with ${code}`);
}
