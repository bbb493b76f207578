// From a bucket's name to its store: directories at once, S3 only when a bucket of it is asked for.
import { directoryPath, isDirectory } from '../contract/location.ts';
import { type DirectoryOptions, directoryStore } from './directory.ts';
import type { S3Connection, S3Options } from './s3-client.ts';
import type { OpenStore, Store } from './store.ts';

export interface OpenStoresOptions {
  readonly s3?: S3Options;
  readonly directory?: DirectoryOptions;
}

export interface Stores {
  /** Opens the store of a bucket or `file:` URL; asking twice gives the same one. Nothing is read or sent yet. */
  readonly open: OpenStore;
  /** Closes all stores that were opened. */
  close(): Promise<void>;
}

/** The S3 half: importing it takes some 60 ms, which a run on directories does not pay. A Lambda function awaits it while it starts. */
function loadS3(): Promise<typeof import('./s3.ts')> {
  return import('./s3.ts');
}

/** Opens stores, one per bucket, all of S3 over one client. */
export function openStores(options: OpenStoresOptions = {}): Stores {
  const stores = new Map<string, Store>();
  let connection: S3Connection | undefined;

  async function openBucket(bucket: string): Promise<Store> {
    const { connectS3, s3Store } = await loadS3();
    connection ??= connectS3(options.s3);
    return s3Store(bucket, connection);
  }

  return {
    open(bucket) {
      const known = stores.get(bucket);
      if (known !== undefined) return known;
      const opened = isDirectory({ bucket })
        ? directoryStore(directoryPath({ bucket }), options.directory)
        : lazyStore(() => openBucket(bucket));
      stores.set(bucket, opened);
      return opened;
    },
    async close() {
      await Promise.all([...stores.values()].map((store) => store.close()));
      stores.clear();
      connection?.close();
      connection = undefined;
    },
  };
}

/** A store that is opened by its first use. */
function lazyStore(load: () => Promise<Store>): Store {
  let loaded: Promise<Store> | undefined;
  const store = (): Promise<Store> => (loaded ??= load());
  return {
    async *list(prefix, options) {
      yield* (await store()).list(prefix, options);
    },
    read: async (key, options) => (await store()).read(key, options),
    open: async (key, options) => (await store()).open(key, options),
    head: async (key, options) => (await store()).head(key, options),
    write: async (key, body, options) => (await store()).write(key, body, options),
    invalidate: async (key, expect, options) => (await store()).invalidate(key, expect, options),
    remove: async (key, expect, options) => (await store()).remove(key, expect, options),
    save: async (key, body, options) => (await store()).save(key, body, options),
    // One that could not be opened has nothing to close.
    close: async () => (await loaded?.catch(() => undefined))?.close(),
  };
}
