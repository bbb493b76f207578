// The AWS calls that functions and state machines make, in words that hold for any deployment: role, action, resource, one a line.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { RESULT_FOLDERS } from '../lambda/contract/environment.ts';
import { parseLocation } from '../lambda/contract/location.ts';

/** The recording that is kept: `test/cloud/calls.test.ts` asks an IAM simulator about each of its lines. */
export const RECORDING = new URL('calls.txt', import.meta.url);

/** A request as `recorded_calls.py` keeps it. */
export interface RawCall {
  /** ARN of the role that made it. */
  readonly role: string;
  /** The stack's places, `s3://bucket/prefix/` each; none for a function that is not ours, such as the CDK's own. */
  readonly places: Partial<Record<PlaceName, string>>;
  /** As in the signature: `s3`, `lambda`, `states`, `sns`. */
  readonly service: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
}

export type PlaceName = 'source' | 'destination' | 'results';

/** The lines of a file of raw calls, each once, sorted. Throws an Error for a request that it does not know. */
export function readCalls(file: string): string[] {
  if (!existsSync(file)) return [];
  const raw = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RawCall | { readonly names: Names });
  const names: Names = Object.assign({}, ...raw.map((line) => ('names' in line ? line.names : {})));
  return [...new Set(raw.flatMap((line) => ('names' in line ? [] : linesOf({ ...line, names }))))].sort();
}

/** Logical ids by physical names. */
type Names = Readonly<Record<string, string>>;
type Call = RawCall & { readonly names: Names };

/** The lines of one request: more than one where AWS asks for more than one permission. */
function linesOf(call: Call): string[] {
  if (call.places.source === undefined) return [];
  const actions = SERVICES[call.service]?.(call);
  if (actions === undefined) throw new Error(`expected a request that is known, got ${JSON.stringify(call)}`);
  return actions.map((action) => `${logicalName(call, call.role)} ${action}`);
}

const SERVICES: Readonly<Record<string, (call: Call) => string[] | undefined>> = {
  s3: onS3,
  lambda: onLambda,
  states: onStates,
  sns: (call) => [
    `sns:Publish topic ${logicalName(call, new URLSearchParams(call.body).get('TopicArn') ?? jsonOf(call.body)['TopicArn'] ?? '')}`,
  ],
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
function onS3(call: Call): string[] | undefined {
  const { method, query, headers, status } = call;
  const [bucket = '', key] = bucketAndKey(call);
  if (key === '') {
    if (method !== 'GET' || query['list-type'] !== '2') return undefined;
    return [`s3:ListBucket ${placed(call, bucket, query['prefix'] ?? '', 'prefix=')}`];
  }
  const object = placed(call, bucket, key as string);
  const copied = headers['x-amz-copy-source'];
  if (copied !== undefined) {
    const [from = '', ...path] = decodeURIComponent(copied).replace(/^\//, '').split('/');
    const source = placed(call, from, path.join('/'));
    return [
      `s3:GetObject ${source}`,
      `s3:GetObjectTagging ${source}`,
      `s3:PutObject ${object}`,
      `s3:PutObjectTagging ${object}`,
    ];
  }
  if (method === 'PUT')
    return [
      `s3:PutObject ${object}`,
      ...(headers['x-amz-tagging'] === undefined ? [] : [`s3:PutObjectTagging ${object}`]),
    ];
  if (method === 'POST' && ('uploads' in query || 'uploadId' in query)) return [`s3:PutObject ${object}`];
  if (method === 'DELETE' && 'uploadId' in query) return [`s3:AbortMultipartUpload ${object}`];
  if (method === 'DELETE') return [`s3:DeleteObject ${object}`];
  if (method === 'POST' && 'delete' in query) return undefined;
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  // Who may not list is told that a missing object is forbidden.
  const absent = status === 404 ? [`s3:ListBucket ${object.split('/')[0]}`] : [];
  return [`s3:GetObject ${object}`, ...absent];
}

/** From the host name or from the path, whichever style the client has. */
function bucketAndKey({ host, path, places }: Call): readonly [string, string] {
  const buckets = Object.values(places).map((place) => parseLocation(place).bucket);
  const [first = '', ...rest] = path.replace(/^\//, '').split('/');
  const virtual = buckets.find((bucket) => host.startsWith(`${bucket}.`));
  return virtual === undefined ? [first, rest.join('/')] : [virtual, path.slice(1)];
}

/** `results/runs/`: the place and its folder, as far as policies tell them apart. */
function placed({ places }: Call, bucket: string, key: string, mark = ''): string {
  const found = (Object.entries(places) as [PlaceName, string][])
    .map(([name, uri]) => ({ name, ...parseLocation(uri) }))
    .filter((place) => place.bucket === bucket && key.startsWith(place.prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
  // Nobody may: so the test of the recording says.
  if (found === undefined) return `elsewhere/ s3://${bucket}/${key}`;
  const below = key.slice(found.prefix.length);
  const folders =
    found.name === 'results' ? [`${RESULT_FOLDERS.manifests}uploads/`, ...Object.values(RESULT_FOLDERS)] : [];
  const folder = folders.find((name) => below.startsWith(name)) ?? '';
  return mark === '' ? `${found.name}/${folder}` : `${found.name} ${mark}${folder}`;
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html */
function onLambda(call: Call): string[] | undefined {
  const { method, path } = call;
  if (path.endsWith('/account-settings')) return ['lambda:GetAccountSettings *'];
  const [, name = '', what = ''] = /\/functions\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  const called = name === '' ? '' : logicalName(call, name);
  if (what === 'concurrency' && method === 'GET') return [`lambda:GetFunctionConcurrency function ${called}`];
  return what === 'invocations' ? [`lambda:InvokeFunction function ${called}`] : undefined;
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html */
function onStates(call: Call): string[] | undefined {
  const { headers, body } = call;
  const action = headers['x-amz-target']?.split('.').at(-1);
  const { stateMachineArn, executionArn, mapRunArn } = jsonOf(body);
  const arn = mapRunArn ?? executionArn ?? stateMachineArn;
  if (action === undefined || arn === undefined) return undefined;
  const [, , , , , kind = '', name = ''] = arn.split(':');
  const [machine = '', label] = name.split('/');
  return [`states:${action} ${kind} ${logicalName(call, machine)}${label === undefined ? '' : `/${label}`}`];
}

function jsonOf(body: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(body) as Readonly<Record<string, string>>;
  } catch {
    return {};
  }
}

/** `…:role/Stack-ImageFanoutProcessRo-1AB…` is `ProcessRole`: the logical id of a resource, without its hash. */
function logicalName({ names }: Call, physical: string): string {
  const id = names[physical.split(/[/:]/).at(-1) ?? ''];
  if (id === undefined) throw new Error(`expected a resource of a stack, got ${physical}`);
  return id.replace(/^ImageFanout/, '').replace(/[0-9A-F]{8}$/, '');
}

/** The lines of the recording. */
export function recording(): string[] {
  return readFileSync(RECORDING, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

const HEAD = [
  '# Each AWS call that the functions and the state machine made in the acceptance suite: role, action, resource.',
  '# Made by: UPDATE_CALLS=1 acceptance/local-aws.sh npm run acceptance',
];

/**
 * Compares what was seen with what is kept: throws an Error that names the calls that are not on record, and, after the whole
 * suite, those on record that nobody makes any more. With `update` it keeps what was seen instead.
 */
export function compareCalls(
  seen: readonly string[],
  { whole, update }: { readonly whole: boolean; readonly update: boolean },
): void {
  const kept = recording();
  if (update) {
    const lines = whole ? seen : [...new Set([...kept, ...seen])].sort();
    writeFileSync(RECORDING, `${[...HEAD, ...lines].join('\n')}\n`);
    return;
  }
  const added = seen.filter((line) => !kept.includes(line));
  const gone = whole ? kept.filter((line) => !seen.includes(line)) : [];
  if (added.length + gone.length === 0) return;
  throw new Error(
    [
      'expected the calls of acceptance/calls.txt; UPDATE_CALLS=1 keeps those that were seen, and test/cloud/calls.test.ts asks whether the roles may make them',
      ...added.map((line) => `+ ${line}`),
      ...gone.map((line) => `- ${line}`),
    ].join('\n'),
  );
}
