// A bucket that is only a listing: as many keys as a bench asks for, a thousand a page.
import { setImmediate } from 'node:timers/promises';
import type { ListedObject, Store } from '../../lambda/store/store.ts';

const PAGE = 1000;

/** Lists `photos/0000000.jpg` and so on; everything else is refused. */
export function listingStore(items: number): Store {
  const refuse = async (): Promise<never> => {
    throw new Error('This store can only be listed');
  };
  return {
    async *list() {
      for (let from = 0; from < items; from += PAGE) {
        await setImmediate();
        yield Array.from({ length: Math.min(PAGE, items - from) }, (_, at) => listed(from + at));
      }
    },
    read: refuse,
    open: refuse,
    head: refuse,
    write: refuse,
    invalidate: refuse,
    remove: refuse,
    save: refuse,
    close: async () => {},
  };
}

function listed(index: number): ListedObject {
  return {
    key: `photos/${String(index).padStart(7, '0')}.jpg`,
    etag: index.toString(16).padStart(32, '0'),
    bytes: 3_000_000 + index,
    lastModified: 1_790_204_286_000 + index,
    storageClass: 'STANDARD',
  };
}
