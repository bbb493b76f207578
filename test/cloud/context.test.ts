// The context keys: read once, strictly, and documented as they are.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../lib/cloud/bundle.ts';
import { contextSchema, readContext } from '../../lib/cloud/context.ts';

const read = (context: Record<string, unknown>) => readContext(new App({ context }).node);

describe('readContext', () => {
  it('fills in the defaults', () => {
    expect(read({})).toMatchObject({ architecture: 'arm64', memory: 1769, largeMemory: 3008, maxConcurrency: 100 });
  });

  it('takes the strings of the command line and the numbers of cdk.json', () => {
    expect(read({ 'image-fanout:memory': '2048' }).memory).toBe(2048);
    expect(read({ 'image-fanout:memory': 2048 }).memory).toBe(2048);
  });

  it('takes the formats that the image function shall read, in any order, or none', () => {
    expect(read({}).formats).toEqual(['heic', 'jxl', 'jp2']);
    expect(read({ 'image-fanout:formats': 'pdf, heic' }).formats).toEqual(['heic', 'pdf']);
    expect(read({ 'image-fanout:formats': 'none' }).formats).toEqual([]);
  });

  it("leaves other people's keys alone", () => {
    expect(() => read({ '@aws-cdk/core:stackRelativeExports': true, theirs: 1 })).not.toThrow();
  });

  it.each([
    ['image-fanout:sorce', 's3://b-u-c/', /image-fanout:sorce: unknown key, expected one of stackName, source/],
    ['imageFanout:source', 's3://b-u-c/', /imageFanout:source: unknown key, expected it to start with image-fanout:/],
    [
      'image-fanout.source',
      's3://b-u-c/',
      /image-fanout\.source: unknown key, expected it to start with image-fanout:/,
    ],
    ['image-fanout:source', '/home/me', /image-fanout:source: expected s3:\/\/bucket\/prefix\/, got \/home\/me/],
    ['image-fanout:memory', '12', /image-fanout:memory: .*512.*, got "12"/],
    ['image-fanout:memory', 'lots', /image-fanout:memory: .*, got "lots"/],
    ['image-fanout:logRetentionDays', '8', /image-fanout:logRetentionDays: expected one of 1, 3, 5, 7, .*, got "8"/],
    ['image-fanout:uploads', 'yes', /image-fanout:uploads: .*, got "yes"/],
    ['image-fanout:uploadsJob', '{"recipe":"nope"}', /image-fanout:uploadsJob: The job has a problem:\n.*recipe/],
    ['image-fanout:uploadsJob', '{"keys":["a"]}', /image-fanout:uploadsJob: expected no keys/],
    ['image-fanout:kmsKey', 'alias/mine', /image-fanout:kmsKey: expected the ARN of a KMS key, got "alias\/mine"/],
    ['image-fanout:formats', 'heic,raw', /image-fanout:formats: expected none or some of heic, jxl, jp2, pdf, got raw/],
    ['image-fanout:architecture', 'arm', /image-fanout:architecture: .*"arm64"\|"x86_64".*, got "arm"/],
  ])('refuses %s = %j and says what was expected', (key, value, message) => {
    expect(() => read({ [key]: value })).toThrow(message);
  });

  it('lists all problems at once', () => {
    expect(() => read({ 'image-fanout:memory': 1, 'image-fanout:largeMemory': 2 })).toThrow(
      /:memory.*\n.*:largeMemory/,
    );
  });
});

it('docs/deploy.md names only keys that there are', () => {
  const page = readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8');
  const named = [...page.matchAll(/image-fanout:([A-Za-z]+)/g)].map(([, key]) => key);
  expect(named.length).toBeGreaterThan(0);
  expect(Object.keys(contextSchema.shape)).toEqual(expect.arrayContaining(named));
});
