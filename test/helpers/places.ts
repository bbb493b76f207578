// Places to run jobs between in tests: two directories, or two buckets of a real S3 server, behind one face.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { directoryLocation, type Location } from '../../lambda/contract/location.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { SERVERS, type ServerName, startServer } from './other-servers.ts';

export interface Places {
  readonly source: Location;
  readonly destination: Location;
  readonly open: OpenStore;
  put(key: string, body: Uint8Array | string): Promise<void>;
  /** All outputs, our own folder left out: key to bytes. */
  outputs(): Promise<Map<string, Buffer>>;
  removeOutput(key: string): Promise<void>;
  removeSource(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Where the places are: S3 is our strict server in this process, the others are not ours. */
export type Kind = 'directories' | 'S3' | Exclude<ServerName, 'fauxqs'>;

/** Directories and all servers that are here. */
export const KINDS: readonly Kind[] = [
  'directories',
  ...SERVERS.map((name) => (name === 'fauxqs' ? ('S3' as const) : name)),
];

/** New, empty places. */
export async function makePlaces(kind: Kind): Promise<Places> {
  if (kind === 'directories') return await directories();
  return await buckets(kind === 'S3' ? 'fauxqs' : kind);
}

async function directories(): Promise<Places> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-places-'));
  const source = directoryLocation(join(root, 'source'));
  const destination = directoryLocation(join(root, 'destination'));
  const stores = openStores();
  return {
    ...between(source, destination, stores.open),
    removeOutput: (key) => rm(join(root, 'destination', key)),
    removeSource: (key) => rm(join(root, 'source', key), { force: true }),
    close: async () => {
      await stores.close();
      await rm(root, { recursive: true });
    },
  };
}

async function buckets(name: ServerName): Promise<Places> {
  const server = await startServer(name, ['photos', 'renditions']);
  const stores = openStores({ s3: { client: server.client } });
  return {
    ...between({ bucket: 'photos', prefix: 'in/' }, { bucket: 'renditions', prefix: 'out/' }, stores.open),
    removeOutput: async (key) => {
      await server.client.send(new DeleteObjectCommand({ Bucket: 'renditions', Key: `out/${key}` }));
    },
    removeSource: async (key) => {
      await server.client.send(new DeleteObjectCommand({ Bucket: 'photos', Key: `in/${key}` }));
    },
    close: async () => {
      await stores.close();
      await server.stop();
    },
  };
}

function between(
  source: Location,
  destination: Location,
  open: OpenStore,
): Omit<Places, 'close' | 'removeOutput' | 'removeSource'> {
  return {
    source,
    destination,
    open,
    put: async (key, body) => {
      await open(source.bucket).write(source.prefix + key, Buffer.from(body));
    },
    outputs: async () => {
      const found = new Map<string, Buffer>();
      const store = open(destination.bucket);
      for await (const page of store.list(destination.prefix)) {
        for (const { key } of page) {
          const name = key.slice(destination.prefix.length);
          if (!name.startsWith('.image-fanout/')) found.set(name, (await store.read(key)).body);
        }
      }
      return found;
    },
  };
}
