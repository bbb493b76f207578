// Writes a run's page into its folder, beside the account that it shows.
import type { Location } from '../../contract/location.ts';
import type { PreparedJob } from '../../job/prepared.ts';
import type { Store } from '../../store/store.ts';
import { PAGE_FILE, type Summary } from '../summary.ts';
import { runPage } from './page.ts';
import { NO_PICTURES, type PictureTools, takePictures } from './pictures.ts';
import type { Sample } from './sample.ts';

/** Writes it. Throws what the store throws when it cannot be written; pictures that cannot be had are left out. */
export async function writePage(
  store: Store,
  folder: Location,
  {
    summary,
    sample,
    job,
    tools,
  }: { readonly summary: Summary; readonly sample: Sample; readonly job: PreparedJob; readonly tools?: PictureTools },
): Promise<void> {
  const pictures = tools === undefined ? NO_PICTURES : await takePictures(sample, job, tools);
  const page = Buffer.from(runPage(summary, sample, pictures));
  await store.write(folder.prefix + PAGE_FILE, page, { contentType: 'text/html; charset=utf-8' });
}
