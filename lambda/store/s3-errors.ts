// What S3's errors mean: the one table from S3's codes, HTTP's statuses and the network's errnos to our classes.
import { type ErrorName, FanoutError } from '../contract/errors.ts';

/** Which request failed, for the message. */
export interface S3Request {
  readonly action:
    | 'GetObject'
    | 'HeadObject'
    | 'PutObject'
    | 'CopyObject'
    | 'DeleteObject'
    | 'ListObjectsV2'
    | 'Upload';
  readonly bucket: string;
  /** The key, or the listing's prefix. */
  readonly key: string;
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const CODES: Readonly<Record<string, ErrorName>> = {
  NoSuchKey: 'SourceNotFound',
  NotFound: 'SourceNotFound',
  NoSuchVersion: 'SourceNotFound',
  MethodNotAllowed: 'SourceNotFound', // a delete marker
  NoSuchBucket: 'BucketNotFound',
  NoSuchAccessPoint: 'BucketNotFound',
  InvalidBucketName: 'BucketNotFound',
  PermanentRedirect: 'BucketNotFound',
  AuthorizationHeaderMalformed: 'BucketNotFound', // signed for another Region than the bucket's
  IllegalLocationConstraintException: 'BucketNotFound',
  NotImplemented: 'NotImplemented',
  InvalidObjectState: 'SourceArchived',
  KeyTooLongError: 'UnsafeKey',
  InvalidURI: 'UnsafeKey',
  URIError: 'UnsafeKey', // a key that is not valid Unicode, before it is sent
  EntityTooLarge: 'OutputTooLarge',
  AccessDenied: 'AccessDenied',
  AccessDeniedException: 'AccessDenied',
  AllAccessDisabled: 'AccessDenied',
  AccountProblem: 'AccessDenied',
  Forbidden: 'AccessDenied',
  InvalidAccessKeyId: 'AccessDenied',
  InvalidToken: 'AccessDenied',
  InvalidSecurity: 'AccessDenied',
  NotSignedUp: 'AccessDenied',
  SignatureDoesNotMatch: 'AccessDenied',
  RequestTimeTooSkewed: 'AccessDenied',
  CredentialsProviderError: 'AccessDenied',
  ExpiredToken: 'ExpiredCredentials',
  ExpiredTokenException: 'ExpiredCredentials',
  RequestExpired: 'ExpiredCredentials',
  TokenRefreshRequired: 'ExpiredCredentials',
  TokenProviderError: 'ExpiredCredentials',
  SlowDown: 'Throttled',
  ServiceUnavailable: 'Throttled', // with S3's 503 it means "reduce your request rate"
  BandwidthLimitExceeded: 'Throttled',
  RequestLimitExceeded: 'Throttled',
  RequestThrottled: 'Throttled',
  Throttling: 'Throttled',
  ThrottlingException: 'Throttled',
  TooManyRequests: 'Throttled',
  TooManyRequestsException: 'Throttled',
  'KMS.ThrottlingException': 'Throttled',
  InternalError: 'ServiceUnavailable',
  OperationAborted: 'ServiceUnavailable',
  ConditionalRequestConflict: 'ServiceUnavailable',
  RequestTimeout: 'RequestTimeout',
  RequestTimeoutException: 'RequestTimeout',
  TimeoutError: 'RequestTimeout',
  IncompleteBody: 'ConnectionLost',
  BadDigest: 'ChecksumMismatch',
  InvalidDigest: 'ChecksumMismatch',
  XAmzContentChecksumMismatch: 'ChecksumMismatch',
  XAmzContentSHA256Mismatch: 'ChecksumMismatch',
  // Node's
  ECONNRESET: 'ConnectionLost',
  ECONNREFUSED: 'ConnectionLost',
  ECONNABORTED: 'ConnectionLost',
  EPIPE: 'ConnectionLost',
  EHOSTUNREACH: 'ConnectionLost',
  ENETUNREACH: 'ConnectionLost',
  ENETDOWN: 'ConnectionLost',
  ENOTFOUND: 'ConnectionLost',
  EAI_AGAIN: 'ConnectionLost',
  EPROTO: 'ConnectionLost',
  ERR_STREAM_PREMATURE_CLOSE: 'ConnectionLost',
  ERR_SSL_WRONG_VERSION_NUMBER: 'ConnectionLost',
  ETIMEDOUT: 'RequestTimeout',
  EMFILE: 'Throttled',
};

// For answers without a code that we know, HEAD's above all: they have no body.
const STATUSES: Readonly<Record<number, ErrorName>> = {
  301: 'BucketNotFound',
  307: 'ServiceUnavailable',
  400: 'UnexpectedError',
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'SourceNotFound',
  405: 'SourceNotFound',
  408: 'RequestTimeout',
  409: 'ServiceUnavailable',
  429: 'Throttled',
  500: 'ServiceUnavailable',
  501: 'NotImplemented',
  502: 'ServiceUnavailable',
  503: 'Throttled',
  504: 'ServiceUnavailable',
};

// Errors that carry their meaning only in their text.
const TEXTS: readonly (readonly [RegExp, ErrorName])[] = [
  [/Checksum mismatch/i, 'ChecksumMismatch'],
  [/Connection lost|socket hang up|aborted|Parse Error|Deserialization error/i, 'ConnectionLost'],
  [/Region (is missing|not accepted)/i, 'RegionMissing'],
  [/token.*expired|expired.*(token|session|credentials)/i, 'ExpiredCredentials'],
];

const HINTS: Readonly<Record<string, string>> = {
  RequestTimeTooSkewed: "this machine's clock is wrong",
  CredentialsProviderError: 'no credentials were found (environment, ~/.aws, instance or task role)',
  PermanentRedirect: 'the bucket is in another Region',
  AuthorizationHeaderMalformed: 'the bucket is in another Region',
};

/** Why a permission that is there may seem to be missing. */
const HIDDEN = 'without s3:ListBucket on the bucket, S3 says so of keys that are not there, too';

interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

/** The class of whatever the SDK, the network or S3 threw. */
export function s3ErrorClass(thrown: unknown): ErrorName {
  const failure = thrown as Failure;
  // The SDK has taken the time from S3's answer: the next attempt is signed with it.
  if (failure.$metadata?.clockSkewCorrected === true) return 'ServiceUnavailable';
  const named = nameOf(failure);
  const text = TEXTS.find(([pattern]) => pattern.test(failure.message ?? ''))?.[1];
  if (named === 'AccessDenied' && failure.name === 'CredentialsProviderError' && text !== undefined) return text;
  if (named !== undefined) return named;
  const status = failure.$metadata?.httpStatusCode;
  if (text !== undefined && (status === undefined || status < 300)) return text;
  if (status !== undefined) return STATUSES[status] ?? (status >= 500 ? 'ServiceUnavailable' : 'UnexpectedError');
  return failure.cause === undefined ? 'UnexpectedError' : s3ErrorClass(failure.cause);
}

function nameOf(failure: Failure): ErrorName | undefined {
  // The errno first: the SDK names every broken connection TimeoutError.
  for (const code of [failure.code, failure.Code, failure.name]) {
    if (code !== undefined && Object.hasOwn(CODES, code)) return CODES[code];
  }
  return undefined;
}

/** Whether S3 said that what a conditional write expected is not so. */
export function isPreconditionFailure(thrown: unknown): boolean {
  const failure = thrown as Failure;
  return failure.name === 'PreconditionFailed' || failure.$metadata?.httpStatusCode === 412;
}

/** The HTTP status of S3's answer; undefined when there was none. */
export function statusOf(thrown: unknown): number | undefined {
  return (thrown as Failure).$metadata?.httpStatusCode;
}

/** Gives what a request threw its class, and a message that names the request, the object and S3's own words. */
export function s3Error(thrown: unknown, { action, bucket, key }: S3Request): FanoutError {
  if (thrown instanceof FanoutError) return thrown;
  const failure = thrown as Failure;
  const code =
    failure.Code ?? (failure.code !== undefined && failure.name === 'Error' ? failure.code : failure.name) ?? 'Error';
  const status = failure.$metadata?.httpStatusCode;
  const said = [status, code === 'Unknown' || code === 'UnknownError' ? undefined : code].filter(
    (part) => part !== undefined,
  );
  const words = failure.message === undefined || failure.message === code ? '' : ` ${failure.message.split('\n')[0]}`;
  const name = s3ErrorClass(thrown);
  const reads = action === 'GetObject' || action === 'HeadObject';
  const hidden = name === 'AccessDenied' && status === 403 && reads ? HIDDEN : undefined;
  const region = /Region (is missing|not accepted)/.test(words)
    ? 'set AWS_REGION, or the region of a profile in ~/.aws/config'
    : undefined;
  const hint = HINTS[code] ?? region ?? hidden;
  return new FanoutError(
    name,
    `${action} s3://${bucket}/${key}: ${said.join(' ')}${words}${hint === undefined ? '' : ` (${hint})`}`.trimEnd(),
    {
      cause: thrown,
    },
  );
}
