// The self-test of a deployment: what it proves, that it notices each way in which a deployment may fail, and that it cleans up.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parseLocation } from '../../../lambda/contract/location.ts';
import { TOLD_FILE } from '../../../lambda/job/prepared.ts';
import { picture } from '../../../lambda/self-test/picture.ts';
import { type Machine, type Objects, type SelfTest, selfTest } from '../../../lambda/self-test/self-test.ts';

const PLACES = {
  source: parseLocation('s3://photos/in/'),
  destination: parseLocation('s3://site/img/'),
  results: parseLocation('s3://logs/acc/'),
};

interface Deployment {
  readonly objects: Objects;
  readonly machine: Machine;
  readonly kept: Map<string, Uint8Array>;
  readonly started: string[];
}

/** What may be wrong with a deployment. */
type Fault =
  | 'cannotRead'
  | 'losesOutputs'
  | 'doesNotStop'
  | 'doesNotRedrive'
  | 'tellsNobody'
  | 'doesNotAddUp'
  | 'cannotWrite';

/** A deployment in memory that does what jobs ask for, but for its fault. */
function deployment(fault?: Fault): Deployment {
  const kept = new Map([
    ['photos/in/theirs.jpg', Buffer.from('theirs')],
    ['logs/acc/runs/monday/job.json', Buffer.from('{}')],
  ]);
  const ends = new Map<string, Awaited<ReturnType<Machine['look']>>>();
  const jobs = new Map<string, { source: string; destination: string; manifest?: string; keys?: string[] }>();
  const isPicture = (bytes: Uint8Array) => bytes.length > 100;
  const put = (bucket: string, key: string, body: Uint8Array) => void kept.set(`${bucket}/${key}`, Buffer.from(body));
  const keysBelow = (uri: string) => [...kept.keys()].filter((key) => `s3://${key}`.startsWith(uri));
  const run = (name: string): void => {
    const { source, destination, manifest, keys } = jobs.get(name) as {
      source: string;
      destination: string;
      manifest?: string;
      keys?: string[];
    };
    const { bucket, prefix } = parseLocation(destination);
    const named = manifest === undefined ? undefined : kept.get(manifest.replace('s3://', ''));
    const items =
      keys === undefined && named === undefined
        ? keysBelow(source)
        : Array.from({ length: 4 }, (_, at) => `${source.replace('s3://', '')}${at}.png`);
    const broken = items.some((key) => !isPicture(kept.get(key) ?? Buffer.alloc(0)));
    if (!fault?.startsWith('loses'))
      for (const key of items) put(bucket, `${prefix}${key.split('/').at(-1)}.webp`, Buffer.from('webp'));
    const output = JSON.stringify({
      counts: { total: items.length, failed: 0, pending: 0 },
      balanced: fault !== 'doesNotAddUp',
    });
    ends.set(
      name,
      broken && fault !== 'doesNotStop'
        ? { status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' }
        : fault === 'cannotRead' && manifest?.endsWith('.csv')
          ? { status: 'FAILED', error: 'States.ItemReaderFailed', cause: 'AccessDenied' }
          : { status: 'SUCCEEDED', output },
    );
    if (fault !== 'tellsNobody')
      put(
        'logs',
        `acc/runs/${name}/${TOLD_FILE}`,
        Buffer.from(JSON.stringify({ at: new Date().toISOString(), messageId: 'm-1' })),
      );
  };
  return {
    kept,
    started: [],
    objects: {
      put: async (bucket, key, body) => {
        if (fault === 'cannotWrite') throw new Error('AccessDenied');
        put(bucket, key, body);
      },
      get: async (bucket, key) => kept.get(`${bucket}/${key}`),
      keys: async ({ bucket, prefix }) =>
        keysBelow(`s3://${bucket}/${prefix}`).map((key) => key.slice(bucket.length + 1)),
      remove: async (bucket, keys) => {
        for (const key of keys) kept.delete(`${bucket}/${key}`);
      },
    },
    machine: {
      start: async (name, input) => {
        jobs.set(name, JSON.parse(input));
        run(name);
      },
      look: async (name) => ends.get(name),
      redrive: async (name) => {
        if (fault !== 'doesNotRedrive') run(name);
      },
    },
  };
}

async function tested(fault?: Fault): Promise<SelfTest & { readonly kept: readonly string[] }> {
  const { objects, machine, kept } = deployment(fault);
  const result = await selfTest({ ...PLACES, objects, machine, id: 'now', patience: 50, pollMilliseconds: 5 });
  return { ...result, kept: [...kept.keys()] };
}

it('proves every reader, a failure, a redrive and the word of each end, and leaves nothing of its own', async () => {
  const { ok, proofs, notProven, kept } = await tested();
  expect(ok, JSON.stringify(proofs)).toBe(true);
  expect(proofs.map(({ what }) => what).sort()).toEqual([
    'a CSV manifest',
    'a JSON Lines manifest',
    'a JSON manifest',
    'a failure',
    'a listing',
    'a redrive',
    'an S3 Inventory',
    'cleaning up',
    'keys in the job',
    'writing of generated images',
  ]);
  for (const { what, detail } of proofs) if (!/writing|cleaning/.test(what)) expect(detail).toContain('told as m-1');
  expect(notProven.length).toBeGreaterThan(0);
  expect(kept).toEqual(['photos/in/theirs.jpg', 'logs/acc/runs/monday/job.json']);
});

describe('a deployment that', () => {
  it.each<[Fault, string, RegExp]>([
    ['cannotRead', 'a CSV manifest', /States\.ItemReaderFailed: AccessDenied/],
    ['losesOutputs', 'a listing', /expected 4 outputs .* got none/],
    ['doesNotAddUp', 'a listing', /expected 4 images done/],
    ['doesNotStop', 'a failure', /expected the broken image to stop/],
    ['doesNotRedrive', 'a redrive', /ended FAILED/],
    ['tellsNobody', 'a listing', /expected the word of the end/],
    ['cannotWrite', 'writing of generated images', /AccessDenied/],
  ])('%s is found out, by name, and cleaned up after', async (fault, what, detail) => {
    const { ok, proofs, kept } = await tested(fault);
    expect(ok).toBe(false);
    expect(proofs.find((proof) => proof.what === what)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(detail),
    });
    expect(kept).toEqual(['photos/in/theirs.jpg', 'logs/acc/runs/monday/job.json']);
  });
});

it('its pictures are pictures, each another one', async () => {
  const [one, two] = await Promise.all(
    [0, 1].map((number) => sharp(picture(number)).raw().toBuffer({ resolveWithObject: true })),
  );
  expect(one?.info).toMatchObject({ width: 96, height: 64, channels: 3 });
  expect(one?.data.equals(two?.data as Buffer)).toBe(false);
});
