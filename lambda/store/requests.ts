// Counts the requests to S3 as they are billed: each try is one, by its kind.
import type { S3Client } from '@aws-sdk/client-s3';

/** Requests of a client so far. */
export interface Requests {
  /** GET and HEAD. */
  gets: number;
  /** PUT, COPY and POST. */
  puts: number;
  lists: number;
  /** Those whose object has a KMS key and no bucket key: each is one request to KMS. */
  kms: number;
}

/** Begins to count what the client sends. */
export function countRequests(client: S3Client): Readonly<Requests> {
  const requests: Requests = { gets: 0, puts: 0, lists: 0, kms: 0 };
  client.middlewareStack.add(
    (next) => async (args) => {
      const { method, query } = args.request as HttpRequest;
      // What deletes is free.
      if (query?.['list-type'] !== undefined) requests.lists++;
      else if (method === 'GET' || method === 'HEAD') requests.gets++;
      else if (method !== 'DELETE') requests.puts++;
      const answer = await next(args);
      const { headers } = answer.response as { headers: Readonly<Record<string, string>> };
      const encrypted = headers['x-amz-server-side-encryption']?.startsWith('aws:kms') === true;
      // A HEAD is answered without the object's key.
      if (encrypted && method !== 'HEAD' && headers['x-amz-server-side-encryption-bucket-key-enabled'] !== 'true')
        requests.kms++;
      return answer;
    },
    { step: 'deserialize', priority: 'low' },
  );
  return requests;
}

interface HttpRequest {
  readonly method: string;
  readonly query?: Readonly<Record<string, unknown>>;
}
