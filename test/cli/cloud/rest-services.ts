// The few requests of S3 and Lambda that `doctor` makes, answered from plain data.

export interface RestSettings {
  /** Whether buckets send their events to EventBridge. */
  events: boolean;
  /** What the account leaves to all functions. */
  concurrency: number;
  /** Whether conditional writes are ignored. */
  heedless?: boolean;
  /** Of AccessDenied. */
  message: string;
}

/** The answer to one request; AccessDenied when `METHOD /path` begins with one of `denied`. */
export function answerRest(
  method: string,
  url: string,
  denied: ReadonlySet<string>,
  settings: RestSettings,
  headers: Readonly<Record<string, unknown>> = {},
): { status: number; body: string } {
  if ([...denied].some((start) => `${method} ${url}`.startsWith(start))) {
    return { status: 403, body: `<Error><Code>AccessDenied</Code><Message>${settings.message}</Message></Error>` };
  }
  if (url.includes('/account-settings'))
    return ok(JSON.stringify({ AccountLimit: { UnreservedConcurrentExecutions: settings.concurrency } }));
  if (url.includes('/concurrency')) return ok('{}');
  if (url.includes('?notification')) {
    return ok(
      `<NotificationConfiguration>${settings.events ? '<EventBridgeConfiguration/>' : ''}</NotificationConfiguration>`,
    );
  }
  if (url.includes('?encryption')) {
    const rule =
      '<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>';
    return ok(`<ServerSideEncryptionConfiguration><Rule>${rule}</Rule></ServerSideEncryptionConfiguration>`);
  }
  if (url.includes('list-type=2')) {
    return ok(
      '<ListBucketResult><Contents><Key>folder/</Key><Size>0</Size></Contents><Contents><Key>a.jpg</Key><Size>5</Size></Contents></ListBucketResult>',
    );
  }
  if (headers['if-none-match'] === '*' && settings.heedless !== true) {
    return { status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' };
  }
  return method === 'DELETE' ? { status: 204, body: '' } : ok('x');
}

function ok(body: string): { status: number; body: string } {
  return { status: 200, body };
}
