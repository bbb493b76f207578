// What the page of a run costs beside the run: its pictures' share of the time of a job on a thousand photos.
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SAMPLES } from '../examples/samples/catalogue.ts';
import { formatLocation } from '../lambda/contract/location.ts';
import { writeAccount } from '../lambda/report/account.ts';
import { openStores } from '../lambda/store/open.ts';
import { pictureTools } from '../lib/cli/thumbnail.ts';
import { runJob } from '../lib/engine.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: { photos: { type: 'string', default: '1000' }, recipe: { type: 'string', default: 'thumbnail' } },
});
const count = Number(values.photos);

const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-page-'));
const stores = openStores();
try {
  const source = join(root, 'photos');
  await mkdir(source);
  const photo = await SAMPLES.find(({ path }) => path === 'camera/DSC_0001.jpg')?.bytes();
  if (photo === undefined) throw new Error('expected the sample camera/DSC_0001.jpg, found none');
  const first = join(source, '0.jpg');
  await writeFile(first, photo);
  for (let n = 1; n < count; n++) await link(first, join(source, `${n}.jpg`));
  const { time, job, page, counts } = await runJob({
    source,
    destination: join(root, 'out'),
    recipe: values.recipe as 'thumbnail',
  });
  const wall = time.wallMilliseconds;
  console.log(
    `${counts.succeeded} photos of ${(photo.length / 1e6).toFixed(1)} MB, ${values.recipe}: ${Math.round(wall)} ms; ${page}`,
  );
  // The account once more, with its pictures and without: what lies between is what they take.
  const folder = job.results;
  const account = async (pictures: boolean): Promise<number> => {
    const start = performance.now();
    await writeAccount({
      ...{ store: stores.open(folder.bucket), folder, job, status: 'SUCCEEDED' as const },
      ...(pictures ? { pictures: pictureTools(stores.open, wall) } : {}),
    });
    return performance.now() - start;
  };
  await account(true);
  const shares: number[] = [];
  for (let round = 0; round < 3; round++) {
    const [without, with_] = [await account(false), await account(true)];
    shares.push((100 * (with_ - without)) / wall);
    console.log(
      `account ${Math.round(without)} ms, with its pictures ${Math.round(with_)} ms: ${formatLocation(folder)}`,
    );
  }
  judge("% of the run's time for pictures", shares.sort((a, b) => a - b)[1] ?? Number.NaN, { atMost: 2 });
} finally {
  await stores.close();
  await rm(root, { recursive: true, force: true });
}
