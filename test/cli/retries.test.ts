// What is told of requests that are being tried again.
import { expect, test } from 'vitest';
import { tellRetries } from '../../lib/cli/retries.ts';

test('what passes soon is not told, what lasts is, with its reason, and not for each of many requests', () => {
  const said: string[] = [];
  let now = 0;
  const onRetry = tellRetries(
    (text) => said.push(text),
    () => now,
  );
  const failure = (milliseconds: number) =>
    onRetry({ name: 'ConnectionLost', message: 'GetObject s3://b/k: gone' }, milliseconds);
  failure(100);
  failure(2_900);
  expect(said).toEqual([]);
  for (let request = 0; request < 100; request++) failure(4_000);
  expect(said).toEqual(['Trying again for 4 s: ConnectionLost: GetObject s3://b/k: gone']);
  now += 16_000;
  failure(20_000);
  expect(said).toHaveLength(2);
});
