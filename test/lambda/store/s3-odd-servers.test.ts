// Answers of servers that are not S3: each is named, and what no other try can mend is not tried again.
import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { openStores, type Stores } from '../../../lambda/store/open.ts';

let server: Server | undefined;
let stores: Stores | undefined;

afterEach(async () => {
  await stores?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

/** A server that has one answer to everything; it counts what it is asked. */
async function answering(status: number, body: string) {
  const asked = { count: 0 };
  const listening = createServer((request, response) => {
    asked.count += 1;
    request.resume();
    request.on('end', () => response.writeHead(status, { 'content-type': 'application/xml' }).end(body));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as { port: number };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
  stores = openStores({ s3: { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', deadlineMs: 2_000 } });
  return { store: stores.open('bucket'), asked };
}

it('501 is final, and says that the server does not know the request', async () => {
  const { store, asked } = await answering(
    501,
    '<Error><Code>NotImplemented</Code><Message>no tags here</Message></Error>',
  );
  const error = await store.write('key', Buffer.from('x'), { tags: { a: 'b' } }).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    name: 'NotImplemented',
    message: 'PutObject s3://bucket/key: 501 NotImplemented no tags here',
    transient: false,
  });
  expect(asked.count).toBe(1);
});

it('a listed key that cannot be decoded is named', async () => {
  const { store } = await answering(
    200,
    '<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>in/bad%E0%A4.jpg</Key><Size>1</Size></Contents></ListBucketResult>',
  );
  const listing = store.list('in/')[Symbol.asyncIterator]();
  await expect(listing.next()).rejects.toMatchObject({
    name: 'UnsafeKey',
    message: expect.stringContaining('cannot be decoded: in/bad%E0%A4.jpg'),
  });
});

it('an endpoint without a scheme is named, with what was expected', async () => {
  stores = openStores({ s3: { endpoint: 'localhost:9000', region: 'us-east-1' } });
  await expect(stores.open('bucket').head('key')).rejects.toMatchObject({
    name: 'InvalidJob',
    message: 'the S3 endpoint: expected http://… or https://…, got "localhost:9000"',
  });
});
