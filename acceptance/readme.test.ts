// Every command of the README for a deployed stack is run on one, on the stack's own source and destination.
import { readFileSync } from 'node:fs';
import { beforeAll, expect, inject, it } from 'vitest';
import { BROKEN, file } from './images.ts';
import { imageFanout } from './local-run.ts';
import { empty, ended, eventually, outputs, putFile, source } from './stack.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const lines = [...readme.matchAll(/^```sh cloud\n([\s\S]*?)^```$/gm)].flatMap(([, body = '']) =>
  body.trim().split('\n'),
);
const executed = new Set<string>();
const IMAGES = 60;

beforeAll(async () => {
  await empty(source);
  // Enough of them that the run can be steered before it ends.
  for (let index = 0; index < IMAGES; index++) await putFile(source, `p-${index}.jpg`, file('photos/DSCN0010.jpg'));
});

/** Runs the README's line of that command, for the run of this name. */
async function example(command: string, run = 'monday', exit = 0): Promise<string> {
  const line = lines.find((text) => text.split(' ')[2] === command);
  if (line === undefined) throw new Error(`expected the README to show ${command}, it does not`);
  executed.add(line);
  const words = line.split(' ').slice(2);
  const { code, output, errors } = await imageFanout(
    ...words.map((word) => (word === 'monday' ? run : word)),
    ...['--stack', inject('stackName')],
  );
  expect(code, `${line}: ${output}${errors}`).toBe(exit);
  return output;
}

const arnOf = (run: string): string => `${outputs.StateMachineArn.replace(':stateMachine:', ':execution:')}:${run}`;

it('a run is started, looked at, scaled, made tolerant and stopped', async () => {
  expect(await example('start')).toContain('monday');
  await eventually('the Map Run', async () => ((await example('status')).includes('RUNNING') ? true : undefined));
  await eventually('a Map Run to scale', async () => await example('scale').catch(() => undefined));
  await example('tolerate');
  await example('stop');
  expect(await ended(arnOf('monday'))).toMatchObject({ status: 'ABORTED' });
});

it('a run that failed is redriven, watched to its end, and accounted for', async () => {
  await putFile(source, 'a.jpg', file(BROKEN));
  await example('start', 'tuesday');
  expect(await ended(arnOf('tuesday'))).toMatchObject({ status: 'FAILED' });
  await putFile(source, 'a.jpg', file('photos/DSCN0010.jpg'));
  await example('redrive', 'tuesday');
  await example('watch', 'tuesday');
  expect(await ended(arnOf('tuesday'))).toMatchObject({ status: 'SUCCEEDED' });
  expect(await example('report', 'tuesday')).toContain(String(IMAGES + 1));
  // The emulator lists the oldest first, so these two may not be among the twenty.
  expect(await example('list')).toMatch(/^\d{4}-\d\d-\d\dT\S+ +(SUCCEEDED|FAILED|ABORTED) /m);
});

it('the deployment is found well, but for the few environments that this account has', async () => {
  const told = await example('doctor', 'monday', 1);
  expect(told).toContain('state machine');
  expect(
    told
      .split('\n')
      .filter((line) => line.startsWith('FAIL'))
      .map((line) => line.split(':')[0]),
  ).toEqual(['FAIL  concurrency']);
});

it('that was every command that the README shows', () => {
  expect([...executed].sort()).toEqual([...lines].sort());
});
