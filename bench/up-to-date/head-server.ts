// As much of S3 as a run with nothing to do may need: a listing, and the head of each output. Counts what it is asked.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { argv } from 'node:process';
import { normalizeSource } from '../../lambda/store/provenance.ts';

/** What the server is told, as JSON in its first argument. */
export interface Objects {
  readonly keys: number;
  /** Of each source, without quotes. */
  readonly etag: string;
  /** Of each output. */
  readonly fingerprint: string;
}

/** Requests by kind: `LIST`, `HEAD`, and whatever else by method and path. */
export type Counts = Readonly<Record<string, number>>;

const PAGE = 1000;

export const sourceKey = (index: number): string => `in/${String(index).padStart(7, '0')}.jpg`;

if (argv[1] === import.meta.filename) serve(JSON.parse(argv[2] ?? '') as Objects);

function serve({ keys, etag, fingerprint }: Objects): void {
  const counts: Record<string, number> = {};
  const add = (kind: string): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET' && url.searchParams.get('list-type') === '2') {
      add('LIST');
      const start = Number(url.searchParams.get('continuation-token') ?? 0);
      response.writeHead(200, { 'content-type': 'application/xml' }).end(page(start));
    } else if (request.method === 'HEAD' && url.pathname.startsWith('/renditions/out/')) {
      add('HEAD');
      const name = decodeURIComponent(url.pathname.slice('/renditions/out/'.length)).replace('-thumbnail.webp', '.jpg');
      response
        .writeHead(200, {
          'content-length': 1000,
          etag: '"0123456789abcdef0123456789abcdef"',
          'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
          'x-amz-meta-image-fanout-source': normalizeSource(`s3://photos/in/${name}`),
          'x-amz-meta-image-fanout-fingerprint': fingerprint,
          'x-amz-meta-image-fanout-run': 'an-earlier-run',
        })
        .end();
    } else {
      add(`${request.method} ${url.pathname}`);
      response.writeHead(404).end();
    }
  }

  function page(start: number): string {
    const end = Math.min(start + PAGE, keys);
    const objects = Array.from(
      { length: end - start },
      (_, at) =>
        `<Contents><Key>${sourceKey(start + at)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>1000</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    const more = end < keys;
    const next = more ? `<NextContinuationToken>${end}</NextContinuationToken>` : '';
    return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>photos</Name><IsTruncated>${more}</IsTruncated><EncodingType>url</EncodingType>${next}${objects.join('')}</ListBucketResult>`;
  }

  const server = createServer(answer).listen(0, '127.0.0.1', () => {
    process.send?.((server.address() as { port: number }).port);
  });
  process.on('message', () => process.send?.(counts));
  process.on('disconnect', () => process.exit());
}
