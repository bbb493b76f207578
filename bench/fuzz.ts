// Damaged real images by the thousand: never a crash, never "it worked" for what cannot be read, never over the limits.
// node bench/fuzz.ts [how many, 20000] [seed, 1] [decoders: only kinds that sharp does not read]
// One in four is taken apart into its pages. With scripts/judges.sh the files of public test suites take part, too.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { decoderOf } from '../lambda/image/decoders/decoders.ts';
import { fuzzOnce } from './harness/fuzz.ts';
import { mutated } from './harness/mutate.ts';

const IMAGES = new URL('../../shared/images/', import.meta.url);
const COUNT = Number(process.argv[2] ?? 20_000);
const SEED = Number(process.argv[3] ?? 1);
const IN_FLIGHT = 4;
/** Small images give many rounds, and their headers are as good as those of large ones. */
const MOST_BYTES = 60_000;
const MOST_MEGABYTES = 1500;

const SUITES = ['judged', 'apng', 'moving'].map((name) => new URL(`../.venv/${name}/`, import.meta.url));
const ONLY_DECODERS = process.argv[4] === 'decoders';

const images = [IMAGES, ...SUITES]
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(
      (name) => new URL(name.split('/').map(encodeURIComponent).join('/'), folder),
    ),
  )
  .filter(
    (url) =>
      statSync(url).isFile() &&
      statSync(url).size < MOST_BYTES &&
      !/\.(md|tsv|txt|apng)$|_frame\d+\.png$/.test(url.pathname),
  )
  .sort((a, b) => (a.pathname < b.pathname ? -1 : 1))
  .map((url) => readFileSync(url))
  .filter((body) => !ONLY_DECODERS || decoderOf(body) !== undefined);

const counts = new Map<string, number>();
const wrong: string[] = [];
const start = performance.now();
let index = 0;
await Promise.all(
  Array.from({ length: IN_FLIGHT }, async () => {
    while (index < COUNT) {
      const mine = index;
      index += 1;
      const result = await fuzzOnce(mutated(images, SEED, mine), mine % 4 === 3).catch((error: Error) => {
        wrong.push(`${mine}: ${error.message}`);
        return 'wrong';
      });
      counts.set(result, (counts.get(result) ?? 0) + 1);
    }
  }),
);

const megabytes = process.resourceUsage().maxRSS / 1024;
console.log(
  `${COUNT} mutations of ${images.length} images, seed ${SEED}, in ${((performance.now() - start) / 1000).toFixed(0)} s`,
);
for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(7)} ${name}`);
console.log(`peak memory ${megabytes.toFixed(0)} MB (at most ${MOST_MEGABYTES})`);
for (const line of wrong.slice(0, 20)) console.error(`WRONG ${line}`);
process.exitCode = wrong.length === 0 && megabytes <= MOST_MEGABYTES ? 0 : 1;
