// An account before its deployment, over real HTTP: what `doctor --before` asks of CloudFormation, Lambda, S3 and KMS.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AccountBucket {
  readonly region?: string;
  readonly owner?: string;
  readonly kms?: string;
  readonly policy?: unknown;
  /** Days that every version is kept. */
  readonly locked?: number;
}

export interface FakeAccount {
  readonly url: string;
  /** Of the CDK's bootstrap; undefined: there is none. */
  bootstrap: number | undefined;
  concurrency: number;
  /** MB of the functions that are there. */
  functions: readonly number[];
  buckets: Readonly<Record<string, AccountBucket>>;
  keyPolicy: unknown;
  close(): Promise<void>;
}

const REGION = 'eu-central-1';
const ACCOUNT = '123456789012';

export async function startAccount(): Promise<FakeAccount> {
  const account: Omit<FakeAccount, 'url' | 'close'> = {
    bootstrap: 21,
    concurrency: 1000,
    functions: [],
    buckets: {},
    keyPolicy: {},
  };
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    const { method = '', url = '' } = request;
    const answer = (status: number, text: string, headers = {}) =>
      response
        .writeHead(status, { 'content-type': text.startsWith('{') ? 'application/json' : 'text/xml', ...headers })
        .end(text);
    const failed = (status: number, code: string) =>
      answer(status, `<Error><Code>${code}</Code><Message>no</Message></Error>`);
    if (request.headers['x-amz-target'] === 'TrentService.GetKeyPolicy')
      return answer(200, JSON.stringify({ Policy: JSON.stringify(account.keyPolicy) }));
    if (url === '/') {
      if (account.bootstrap === undefined || new URLSearchParams(body).get('StackName') !== 'CDKToolkit')
        return answer(
          400,
          '<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack does not exist</Message></Error></ErrorResponse>',
        );
      const output = `<member><OutputKey>BootstrapVersion</OutputKey><OutputValue>${account.bootstrap}</OutputValue></member>`;
      const stack = `<StackId>arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/CDKToolkit/1</StackId><StackName>CDKToolkit</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T00:00:00Z</CreationTime><Outputs>${output}</Outputs>`;
      return answer(
        200,
        `<DescribeStacksResponse><DescribeStacksResult><Stacks><member>${stack}</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
      );
    }
    if (url.includes('/account-settings'))
      return answer(200, JSON.stringify({ AccountLimit: { UnreservedConcurrentExecutions: account.concurrency } }));
    if (url.includes('/functions'))
      return answer(200, JSON.stringify({ Functions: account.functions.map((MemorySize) => ({ MemorySize })) }));
    const name = url.split(/[/?]/)[1] ?? '';
    const bucket = account.buckets[name];
    if (bucket === undefined) return failed(404, 'NoSuchBucket');
    if (method === 'HEAD') {
      const expected = request.headers['x-amz-expected-bucket-owner'];
      const ours = expected === undefined || expected === (bucket.owner ?? ACCOUNT);
      return response.writeHead(ours ? 200 : 403, { 'x-amz-bucket-region': bucket.region ?? REGION }).end();
    }
    if (url.includes('encryption')) {
      const rule =
        bucket.kms === undefined
          ? '<SSEAlgorithm>AES256</SSEAlgorithm>'
          : `<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>${bucket.kms}</KMSMasterKeyID>`;
      return answer(
        200,
        `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>${rule}</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
      );
    }
    if (url.includes('policy'))
      return bucket.policy === undefined
        ? failed(404, 'NoSuchBucketPolicy')
        : answer(200, JSON.stringify(bucket.policy));
    if (bucket.locked === undefined) return failed(404, 'ObjectLockConfigurationNotFoundError');
    return answer(
      200,
      `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>${bucket.locked}</Days></DefaultRetention></Rule></ObjectLockConfiguration>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(account, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
