// The demo: paints sample images, runs a job on them through the command line, and says where to look; run: npm run demo
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { relative, resolve } from 'node:path';
import { makeSamples } from './make-samples.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COMMAND = resolve(ROOT, 'bin/image-fanout.js');

/** Where the demo works; below the repository, and in no commit. */
const source = resolve(ROOT, '.demo/source');
const destination = resolve(ROOT, '.demo/destination');

const here = (path: string) => relative(process.cwd(), path) || '.';

const started = performance.now();
const samples = await makeSamples(source);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${samples.length} sample images, painted in ${seconds} s: ${here(source)}\n`);

const options = process.argv.slice(2);
const args = ['run', here(source), here(destination), ...(options.length > 0 ? options : ['--recipe', 'web'])];
console.log(`$ npx image-fanout ${args.join(' ')}`);
// The terminal sends Ctrl-C to both: the run drains, and this waits for it.
process.on('SIGINT', () => {});
const run = spawn(process.execPath, [COMMAND, ...args], { stdio: 'inherit' });
const [code, signal] = (await once(run, 'exit')) as [number | null, NodeJS.Signals | null];

if (code === 0) {
  console.log(`
Where to look
  ${here(destination)}/                     the renditions, in the folders of their sources
  ${here(destination)}/.image-fanout/runs/  the account of each run: summary.json, items.csv, Step Functions' result files

Run it again, and what is up to date is skipped. Then try
  npx image-fanout run ${here(source)} ${here(destination)} --recipe social
  npx image-fanout recipe check examples/recipes/shop.json`);
}
process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
