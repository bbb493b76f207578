// Cold start: importing the image function's bundle, beside importing sharp and @aws-sdk/client-s3 alone, bundled the same way.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildSync } from 'esbuild';
import { BUNDLING, bundle, ROOT } from '../lib/cloud/bundle.ts';
import { timeProgram } from './harness/processes.ts';
import { judge, named, spread } from './harness/report.ts';
import { inTurn, median, speedRatios } from './harness/rounds.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });

/** What no image function can do without: the same calls of S3 that ours makes, on the same transport. */
const ALONE = `
import sharp from 'sharp';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
export const handler = [sharp, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client];
`;

/** Milliseconds of an import in a process of its own, Node.js's own start left out. */
const MEASURE = `
const started = performance.now();
await import(process.argv[1]);
process.stdout.write(String((performance.now() - started) / 1000), () => process.exit(0));
`;

const folder = mkdtempSync(join(tmpdir(), 'image-fanout-cold-import-'));
try {
  const ours = bundle('process', arch() === 'arm64' ? 'arm64' : 'x64', folder);
  const alone = join(folder, 'alone');
  mkdirSync(alone);
  buildSync({ ...BUNDLING, stdin: { contents: ALONE, resolveDir: ROOT }, outfile: join(alone, 'index.mjs') });
  symlinkSync(join(ours, 'node_modules'), join(alone, 'node_modules'));

  const env = {
    AWS_REGION: 'us-east-1',
    POWERTOOLS_SERVICE_NAME: 'image-fanout',
    POWERTOOLS_METRICS_NAMESPACE: 'ImageFanout',
  };
  const imported = (name: string, path: string) => ({
    name,
    run: async () => {
      const args = ['--input-type=module', '--eval', MEASURE, join(path, 'index.mjs')];
      return Number((await timeProgram(process.execPath, args, { env })).stdout);
    },
  });
  const contenders = [imported('sharp and client-s3 alone', alone), imported('the image function', ours)];
  const measured = await inTurn(contenders, Number(values.rounds));
  for (const { name, seconds } of measured) console.log(`${name}: ${spread(seconds, 3)} s`);
  const [reference, own] = contenders.map(({ name }) => named(measured, name));
  if (reference === undefined || own === undefined) throw new Error('Not all were measured');
  const ratios = speedRatios(reference, own);
  console.log(`ratio: ${spread(ratios)}\n`);
  judge('import of the image function, beside sharp and client-s3 alone', median(ratios), { atMost: 1.2 });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
