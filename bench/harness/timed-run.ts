// One measured run in a process of its own: warms up on one photo, then does the job, and prints the seconds that took.
import { parseArgs } from 'node:util';
import { main } from '../../lib/cli/main.ts';
import { bareLoop } from './bare-loop.ts';

const { values } = parseArgs({
  options: {
    who: { type: 'string' },
    warm: { type: 'string' },
    source: { type: 'string' },
    destination: { type: 'string' },
    recipe: { type: 'string' },
    concurrency: { type: 'string', default: '2' },
    threads: { type: 'string', default: '1' },
  },
});
const { who, warm = '', source = '', destination = '', recipe = '' } = values;

async function once(from: string, to: string): Promise<void> {
  if (who === 'bare loop') {
    const [concurrency, vipsThreads] = [Number(values.concurrency), Number(values.threads)];
    return bareLoop({ source: from, destination: to, concurrency, vipsThreads });
  }
  const code = await main(['run', from, to, '--recipe', recipe, '--quiet']);
  if (code !== 0) throw new Error(`image-fanout ended with ${code}`);
}

await once(warm, `${destination}-warm`);
const started = performance.now();
await once(source, destination);
console.log((performance.now() - started) / 1000);
