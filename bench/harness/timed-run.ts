// One measured run in a process of its own: warms up on one photo, then does the job, and prints the seconds that took.
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

/**
 * What runs the job from one directory to another. Each loads only its own code: how this program sets its process up
 * must do nothing for the bare loop.
 */
async function contender(): Promise<(from: string, to: string) => Promise<void>> {
  if (who !== 'image-fanout') {
    const { bareLoop } = await import('./bare-loop.ts');
    const { concurrency, threads: vipsThreads } = who;
    return (from, to) => bareLoop({ source: from, destination: to, concurrency, vipsThreads, latency });
  }
  const { runJob } = await import('./job-run.ts');
  return (from, to) => runJob(from, to, recipe, { latency, ownFiles });
}

const once = await contender();
await once(warm, `${destination}-warm`);
const started = performance.now();
await once(source, destination);
console.log((performance.now() - started) / 1000);
