// Each error of S3 and of the network has its class.
import { describe, expect, it } from 'vitest';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { s3Error, s3ErrorClass } from '../../../lambda/store/s3-errors.ts';

const answer = (name: string, status: number, message = name) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
const network = (code: string, message = code) => Object.assign(new Error(message), { code });

describe('s3ErrorClass', () => {
  it.each([
    [answer('NoSuchKey', 404), 'SourceNotFound'],
    [answer('NotFound', 404), 'SourceNotFound'],
    [answer('MethodNotAllowed', 405), 'SourceNotFound'],
    [answer('NoSuchBucket', 404), 'BucketNotFound'],
    [answer('PermanentRedirect', 301), 'BucketNotFound'],
    [answer('AuthorizationHeaderMalformed', 400), 'BucketNotFound'],
    [answer('InvalidObjectState', 403), 'SourceArchived'],
    [answer('KeyTooLongError', 400), 'UnsafeKey'],
    [answer('EntityTooLarge', 400), 'OutputTooLarge'],
    [answer('AccessDenied', 403), 'AccessDenied'],
    [answer('Unknown', 403), 'AccessDenied'],
    [answer('InvalidAccessKeyId', 403), 'AccessDenied'],
    [answer('SignatureDoesNotMatch', 403), 'AccessDenied'],
    [answer('RequestTimeTooSkewed', 403), 'AccessDenied'],
    [answer('ExpiredToken', 400), 'ExpiredCredentials'],
    [answer('ExpiredToken', 403), 'ExpiredCredentials'],
    [answer('SlowDown', 503), 'Throttled'],
    [answer('Unknown', 503), 'Throttled'],
    [answer('Unknown', 429), 'Throttled'],
    [answer('InternalError', 500), 'ServiceUnavailable'],
    [answer('Unknown', 501), 'NotImplemented'],
    [answer('Unknown', 502), 'ServiceUnavailable'],
    [answer('Unknown', 504), 'ServiceUnavailable'],
    [answer('Unknown', 599), 'ServiceUnavailable'],
    [answer('ConditionalRequestConflict', 409), 'ServiceUnavailable'],
    [answer('OperationAborted', 409), 'ServiceUnavailable'],
    [answer('RequestTimeout', 400), 'RequestTimeout'],
    [answer('IncompleteBody', 400), 'ConnectionLost'],
    [answer('BadDigest', 400), 'ChecksumMismatch'],
    [answer('KMS.ThrottlingException', 400), 'Throttled'],
    [answer('MalformedXML', 400), 'UnexpectedError'],
    [network('ECONNRESET'), 'ConnectionLost'],
    [network('ECONNREFUSED'), 'ConnectionLost'],
    [network('EPIPE'), 'ConnectionLost'],
    [network('ENOTFOUND'), 'ConnectionLost'],
    [network('EAI_AGAIN'), 'ConnectionLost'],
    [network('ETIMEDOUT'), 'RequestTimeout'],
    [network('HPE_INVALID_CONSTANT', 'Parse Error: Expected HTTP/'), 'ConnectionLost'],
    [Object.assign(new Error('no connection'), { name: 'TimeoutError' }), 'RequestTimeout'],
    [Object.assign(network('ECONNRESET'), { name: 'TimeoutError' }), 'ConnectionLost'],
    [answer('Error', 200, 'XML parse error. Deserialization error: to see the raw response'), 'ConnectionLost'],
    [new Error('socket hang up'), 'ConnectionLost'],
    [new Error('outer', { cause: network('ECONNRESET') }), 'ConnectionLost'],
    [new Error('Checksum mismatch: expected "a" but received "b"'), 'ChecksumMismatch'],
    [new Error('Connection lost or stream closed before all data was received.'), 'ConnectionLost'],
    [Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' }), 'AccessDenied'],
    [
      Object.assign(new Error('The SSO session has expired: expired session'), { name: 'CredentialsProviderError' }),
      'ExpiredCredentials',
    ],
    [new Error('Region is missing'), 'RegionMissing'],
    [network('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'), 'UnexpectedError'],
    [new TypeError('x is not a function'), 'UnexpectedError'],
  ])('%s is %s', (thrown, expected) => {
    expect(s3ErrorClass(thrown)).toBe(expected);
  });
});

describe('s3Error', () => {
  const request = { action: 'GetObject', bucket: 'b', key: 'k.jpg' } as const;

  it('says how a Region that is missing is given', () => {
    expect(s3Error(new Error('Region is missing'), request).message).toMatch(/Region is missing \(set AWS_REGION/);
  });

  it('names the request, the object, the status, the code and what S3 said', () => {
    const error = s3Error(answer('AccessDenied', 403, 'User x is not authorized'), request);
    expect(error.message).toMatch(
      /^GetObject s3:\/\/b\/k.jpg: 403 AccessDenied User x is not authorized \(without s3:ListBucket .*\)$/,
    );
  });

  it('hints at a wrong clock', () => {
    expect(s3Error(answer('RequestTimeTooSkewed', 403), request).message).toContain("this machine's clock is wrong");
  });

  it('lets a request be signed again when the SDK has corrected its clock', () => {
    const error = answer('RequestTimeTooSkewed', 403);
    Object.assign(error.$metadata, { clockSkewCorrected: true });
    expect(s3Error(error, request).transient).toBe(true);
  });

  it('keeps what has a class already', () => {
    const error = new FanoutError('TooManyBytes', 'too many');
    expect(s3Error(error, request)).toBe(error);
  });
});
