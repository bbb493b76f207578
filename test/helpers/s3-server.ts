// An S3 server over real HTTP for tests: fauxqs, made as strict as S3 where fauxqs is not. Also runs as a process of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import { sortKeys } from '../../lambda/store/paths.ts';
import { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';

type Listing = ReturnType<S3Store['listObjects']>;
type ListingOptions = Parameters<S3Store['listObjects']>[1];

export interface S3Server {
  readonly endpoint: string;
  /** A plain client, for arranging and looking. */
  readonly client: S3Client;
  /** The environment in which any AWS SDK finds this server. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes a bucket that is not there yet. */
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

// fauxqs 2.4.1 sorts by locale and pages by UTF-16 order, so pages lose keys of mixed case, and S3 sorts by bytes.
class OrderedStore extends S3Store {
  readonly #keys = new Map<string, Set<string>>();
  readonly #sorted = new Map<string, string[]>();

  override putObject(...put: Parameters<S3Store['putObject']>): ReturnType<S3Store['putObject']> {
    this.#remember(put[0], put[1]);
    return super.putObject(...put);
  }

  override createMultipartUpload(
    ...upload: Parameters<S3Store['createMultipartUpload']>
  ): ReturnType<S3Store['createMultipartUpload']> {
    this.#remember(upload[0], upload[1]);
    return super.createMultipartUpload(...upload);
  }

  override listObjects(bucket: string, options?: ListingOptions): Listing {
    const { prefix = '', maxKeys = 1000, delimiter } = options ?? {};
    if (delimiter !== undefined || !this.hasBucket(bucket)) return super.listObjects(bucket, options);
    const keys = this.#sorted.get(bucket) ?? sortKeys([...(this.#keys.get(bucket) ?? [])]);
    this.#sorted.set(bucket, keys);
    const after = options?.startAfter ?? options?.marker ?? '';
    const found: Listing['objects'] = [];
    for (let index = after === '' ? 0 : firstAfter(keys, Buffer.from(after)); index < keys.length; index++) {
      const key = keys[index] ?? '';
      const object = key.startsWith(prefix) ? this.find(bucket, key) : undefined;
      if (object === undefined) continue;
      if (found.length === maxKeys) return { objects: found, commonPrefixes: [], isTruncated: true };
      found.push(object);
    }
    return { objects: found, commonPrefixes: [], isTruncated: false };
  }

  find(bucket: string, key: string): ReturnType<S3Store['headObject']> | undefined {
    try {
      return this.headObject(bucket, key);
    } catch {
      return undefined;
    }
  }

  #remember(bucket: string, key: string): void {
    const keys = this.#keys.get(bucket) ?? new Set();
    this.#keys.set(bucket, keys);
    if (keys.has(key)) return;
    keys.add(key);
    this.#sorted.delete(bucket);
  }
}

function firstAfter(keys: readonly string[], after: Buffer): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.from(keys[middle] ?? '').compare(after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Starts a server in this process, on a free port, with these buckets. */
export async function startS3Server(buckets: readonly string[] = [], port = 0): Promise<S3Server> {
  const s3Store = new OrderedStore();
  for (const bucket of buckets) s3Store.createBucket(bucket);
  // buildApp makes the stores that it is not given, though its type asks for all three.
  const app = buildApp({ logger: false, stores: { s3Store } as never });

  // fauxqs neither enforces conditional writes nor verifies checksums. The hook runs in the same tick as the handler.
  app.addHook('preHandler', (request, reply, done) => {
    const { bucket, '*': key } = (request.params ?? {}) as { bucket?: string; '*'?: string };
    const isWrite = request.method === 'PUT' && bucket !== undefined && key !== undefined && key !== '';
    const refused = isWrite ? refusal(s3Store, bucket, key, request.headers, request.body) : undefined;
    if (refused === undefined) return done();
    reply.status(refused.status).header('content-type', 'application/xml');
    reply.send(`<Error><Code>${refused.code}</Code><Message>${refused.code}</Message></Error>`);
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    const listing = (request.query as Record<string, string>)['encoding-type'] === 'url' && typeof payload === 'string';
    done(null, listing ? urlEncoded(payload) : payload);
  });
  await app.listen({ port, host: '127.0.0.1' });
  const address = app.server.address() as { port: number };
  return serverAt(`http://127.0.0.1:${address.port}`, CREDENTIALS, () => app.close());
}

function refusal(
  store: OrderedStore,
  bucket: string,
  key: string,
  headers: Record<string, unknown>,
  body: unknown,
): { readonly status: number; readonly code: string } | undefined {
  const object = store.find(bucket, key);
  const checksum = headers['x-amz-checksum-crc32'];
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (typeof checksum === 'string' && checksum !== crc32Base64(bytes)) return { status: 400, code: 'BadDigest' };
  if (headers['if-none-match'] === '*' && object !== undefined) return { status: 412, code: 'PreconditionFailed' };
  const ifMatch = headers['if-match'];
  if (ifMatch === undefined) return undefined;
  if (object === undefined) return { status: 404, code: 'NoSuchKey' };
  return object.etag === ifMatch ? undefined : { status: 412, code: 'PreconditionFailed' };
}

function crc32Base64(bytes: Buffer): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value.toString('base64');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

/** A listing's keys as S3 gives them with `encoding-type=url`, which fauxqs ignores. */
function urlEncoded(xml: string): string {
  const encoded = xml.replace(/<Key>([\s\S]*?)<\/Key>/g, (_all, escaped: string) => {
    const key = escaped.replace(/&(amp|lt|gt|quot|apos);/g, (entity) => ENTITIES[entity] ?? entity);
    return `<Key>${encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/')}</Key>`;
  });
  return encoded.replace('</IsTruncated>', '</IsTruncated><EncodingType>url</EncodingType>');
}

/** Starts a server in a process of its own: for benches, and for tests that must not share their event loop with it. */
export async function forkS3Server(buckets: readonly string[] = []): Promise<S3Server> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), buckets, { execArgv: [], stdio: 'inherit' });
  const [endpoint] = (await once(child, 'message')) as [string];
  return serverAt(endpoint, CREDENTIALS, async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
}

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** The face of a server that answers at `endpoint`. */
export function serverAt(
  endpoint: string,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
  stop: () => PromiseLike<unknown>,
): S3Server {
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
  return {
    endpoint,
    client,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    createBucket: async (name) => {
      await client.send(new CreateBucketCommand({ Bucket: name }));
    },
    stop: async () => {
      client.destroy();
      await stop();
    },
  };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startS3Server(argv.slice(2));
  process.send?.(server.endpoint);
  process.on('disconnect', () => process.exit());
}
