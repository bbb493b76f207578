// Random images and recipes by the ten thousand, against sharp alone: sizes, bytes, likeness, alpha and profile.
// node bench/pixels.ts [how many, 10000] [seed, 1]
import { judge, LEAST_SSIM, pixelCase } from './harness/pixels.ts';

const COUNT = Number(process.argv[2] ?? 10_000);
const SEED = Number(process.argv[3] ?? 1);
const IN_FLIGHT = 4;
const LEAST_MEDIAN = 0.99;

const wrong: string[] = [];
const shared: number[] = [];
let alone = 0;
let index = 0;
const start = performance.now();
await Promise.all(
  Array.from({ length: IN_FLIGHT }, async () => {
    while (index < COUNT) {
      const mine = index;
      index += 1;
      const one = pixelCase(SEED, mine);
      const judged = await judge(one);
      shared.push(...judged.shared);
      alone += judged.alone;
      for (const problem of judged.problems) wrong.push(`${mine}: ${JSON.stringify(one.source)} ${problem}`);
    }
  }),
);

shared.sort((a, b) => a - b);
const median = shared[Math.floor(shared.length / 2)] ?? 1;
const seconds = (performance.now() - start) / 1000;
console.log(
  `${COUNT} cases, seed ${SEED}, in ${seconds.toFixed(0)} s: ${alone} compared by bytes, ${shared.length} by SSIM`,
);
console.log(
  `SSIM: least ${(shared[0] ?? 1).toFixed(4)} (at least ${LEAST_SSIM}), median ${median.toFixed(4)} (at least ${LEAST_MEDIAN})`,
);
console.log(`${wrong.length} problems`);
for (const line of wrong.slice(0, 40)) console.error(`WRONG ${line}`);
process.exitCode = wrong.length === 0 && median >= LEAST_MEDIAN ? 0 : 1;
