// Where runs are killed: a source and a destination in directories, or in buckets of an S3 server, looked at without the program.
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Server } from '../../test/helpers/s3-server.ts';

export interface KillPlace {
  /** As a job has them. */
  readonly source: string;
  readonly destination: string;
  /** In which the program finds them. */
  readonly env: Readonly<Record<string, string>>;
  /** Puts a source in place, whole at once. Answers what tells its version from others. */
  put(key: string, body: Buffer): Promise<string>;
  remove(key: string): Promise<void>;
  /** Puts a file beside the outputs that is not the program's. */
  putForeign(path: string, text: string): Promise<void>;
  /** The destination as a directory: itself, or a copy of what is in the bucket now. */
  look(): Promise<string>;
  /** Where an output's key is in that directory. */
  pathOf(key: string): string;
  /** What tells a rewritten output from one that was left alone. */
  versions(paths: readonly string[]): Promise<Map<string, string>>;
}

/** Two directories below `work`. */
export function directoriesIn(work: string, photos: ReadonlyMap<string, Buffer>): KillPlace {
  const [source, destination] = [join(work, 'source'), join(work, 'destination')];
  const write = (path: string, body: Buffer | string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, body);
  };
  for (const [key, body] of photos) write(join(source, key), body);
  return {
    ...{ source, destination, env: {} },
    async put(key, body) {
      const path = join(source, key);
      write(`${path}.new`, body);
      renameSync(`${path}.new`, path);
      return etagOf(path);
    },
    remove: async (key) => rmSync(join(source, key), { force: true }),
    putForeign: async (path, text) => write(join(destination, path), text),
    look: async () => destination,
    pathOf: (key) => key,
    // The inode changes with each rename into place.
    versions: async (paths) =>
      new Map(
        paths.map((path) => {
          const { ino, mtimeNs } = statSync(join(destination, path), { bigint: true });
          return [path, `${ino} ${mtimeNs}`];
        }),
      ),
  };
}

/** A file's version: its size and time, as the account names it. */
function etagOf(path: string): string {
  const { mtimeNs, size } = statSync(path, { bigint: true });
  return `${size.toString(36)}-${mtimeNs.toString(36)}`;
}

/** Prefixes of their own in two buckets of a server, which are there; copies of the destination go below `work`. */
export async function bucketsOn(
  server: S3Server,
  name: string,
  work: string,
  photos: ReadonlyMap<string, Buffer>,
): Promise<KillPlace> {
  const { client } = server;
  const put = async (Bucket: string, Key: string, Body: Buffer) =>
    ((await client.send(new PutObjectCommand({ Bucket, Key, Body }))).ETag ?? '').replaceAll('"', '');
  for (const [key, body] of photos) await put('photos', `${name}/${key}`, body);
  return {
    ...{ source: `s3://photos/${name}/`, destination: `s3://renditions/${name}/`, env: server.env },
    put: (key, body) => put('photos', `${name}/${key}`, body),
    remove: async (key) => {
      await client.send(new DeleteObjectCommand({ Bucket: 'photos', Key: `${name}/${key}` }));
    },
    putForeign: async (path, text) => void (await put('renditions', `${name}/${path}`, Buffer.from(text))),
    pathOf: (key) => key.slice(name.length + 1),
    async look() {
      const copy = join(work, 'copy');
      rmSync(copy, { recursive: true, force: true });
      for (const { Key = '' } of await listed(client, `${name}/`)) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: 'renditions', Key }));
        const path = join(copy, Key.slice(name.length + 1));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, (await Body?.transformToByteArray()) ?? Buffer.alloc(0));
      }
      mkdirSync(copy, { recursive: true });
      return copy;
    },
    async versions(paths) {
      const there = new Map(
        (await listed(client, `${name}/`)).map(({ Key = '', ETag, LastModified }) => [
          Key.slice(name.length + 1),
          `${ETag} ${LastModified?.toISOString()}`,
        ]),
      );
      return new Map(paths.map((path) => [path, there.get(path) ?? 'gone']));
    },
  };
}

async function listed(client: S3Client, prefix: string) {
  const found = [];
  for (let token: string | undefined; ; ) {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: 'renditions', Prefix: prefix, ContinuationToken: token }),
    );
    found.push(...(page.Contents ?? []));
    token = page.NextContinuationToken;
    if (token === undefined) return found;
  }
}
