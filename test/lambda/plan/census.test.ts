// The census of a listing: every item once, by what its name and size tell.
import { describe, expect, it } from 'vitest';
import { chanceFrom } from '../../../lambda/estimate/chance.ts';
import { IMAGE_GLOB } from '../../../lambda/job/image-glob.ts';
import { createSelection } from '../../../lambda/job/selection.ts';
import { type CensusOptions, formatByName, takeCensus } from '../../../lambda/plan/census.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';
import { preparedJob } from '../../helpers/prepared-job.ts';

const job = preparedJob('/tmp', 'runs/census/', {
  recipe: resolveRecipe('thumbnail'),
  include: [IMAGE_GLOB],
  exclude: ['drafts/'],
  source: { bucket: 'photos', prefix: 'in/' },
});
const context = { job, selection: createSelection(job.include, job.exclude) };

async function census(items: readonly unknown[], more: Partial<CensusOptions> = {}) {
  async function* pages() {
    for (let at = 0; at < items.length; at += 3) yield items.slice(at, at + 3).map((value) => ({ value }));
  }
  return await takeCensus(pages(), { context, chance: chanceFrom(1), room: 100, ...more });
}

const object = (key: string, Size: number, StorageClass = 'STANDARD') => ({ Key: `in/${key}`, Size, StorageClass });

describe('the census', () => {
  it('counts every item once', async () => {
    const found = await census([
      object('a.jpg', 100),
      object('b/c.JPEG', 300),
      object('b/d.png', 1000, 'GLACIER'),
      object('b/', 0),
      object('drafts/e.jpg', 5),
      object('notes.txt', 5),
      object('empty.jpg', 0),
      object('large.tif', 1e12),
      { Key: 'elsewhere/x.jpg', Size: 5 },
      { none: true },
      // Perhaps a name that is not UTF-8: no size is known of what cannot be looked at.
      object('bad\ufffd.jpg', 0),
    ]);
    expect(found).toMatchObject({
      keys: 11,
      complete: true,
      skipped: { folderMarker: 1, excluded: 1, notIncluded: 1 },
      selected: 4,
      bytes: 1400,
      archived: 1,
      formats: [
        { format: 'jpeg', keys: 3, bytes: 400 },
        { format: 'png', keys: 1, bytes: 1000 },
      ],
      folders: { count: 2, largest: 2 },
      collisions: { keys: 0 },
    });
    expect(found.sure.map(({ error, keys }) => [error, keys])).toEqual([
      ['InvalidItem', 2],
      ['NotAnImage', 1],
      ['TooManyBytes', 1],
    ]);
    const skipped = Object.values(found.skipped).reduce((sum, keys) => sum + keys, 0);
    const sure = found.sure.reduce((sum, { keys }) => sum + keys, 0);
    expect(skipped + sure + found.selected).toBe(found.keys);
    expect(found.strata.reduce((sum, { keys }) => sum + keys, 0)).toBe(found.selected);
  });

  it('stops where it is told, and says so', async () => {
    const items = Array.from({ length: 10 }, (_, at) => object(`${at}.jpg`, 10));
    expect(await census(items, { most: 4 })).toMatchObject({ keys: 4, selected: 4, complete: false });
    expect(await census(items, { most: 10 })).toMatchObject({ keys: 10, complete: true });
    expect(await census(items, { until: 0 })).toMatchObject({ keys: 3, complete: false });
  });

  it('leaves what is up to date out of the strata', async () => {
    const items = Array.from({ length: 10 }, (_, at) => object(`${at}.jpg`, 10));
    const found = await census(items, { isUpToDate: async ({ key }) => key < 'in/5' });
    expect(found).toMatchObject({ selected: 10, upToDate: 5 });
    expect(found.strata.reduce((sum, { keys }) => sum + keys, 0)).toBe(5);
  });

  it.each([
    ['a/b.JPG', 'jpeg'],
    ['a.b/c', 'none'],
    ['.jpg', 'none'],
    ['a.', 'none'],
    ['a.tar.gz', 'gz'],
    ['a.averyverylongone', 'others'],
    ['x.TIFF', 'tiff'],
  ])('tells the format of %s by its name: %s', (key, format) => {
    expect(formatByName(key)).toBe(format);
  });
});
