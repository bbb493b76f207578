// The help: every example in it is run as a shell would, lines fit the terminal, exit codes stand where there are some.
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStores } from '../../lambda/store/open.ts';
import { parseArguments } from '../../lib/cli/arguments.ts';
import { EXAMPLES } from '../../lib/cli/examples.ts';
import { commandHelp, programHelp } from '../../lib/cli/help.ts';
import { COMMANDS } from '../../lib/cli/main.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { PROGRAM, run, startIn } from './program.ts';

const names = Object.keys(COMMANDS);
const commandOf = async (name: string) => {
  const found = COMMANDS[name];
  if (found === undefined) throw new Error(name);
  return (await found.load()).command;
};

test('every command has examples, and each example is of its command', () => {
  expect(Object.keys(EXAMPLES).sort()).toEqual([...names].sort());
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatch(new RegExp(`(^|\\| )image-fanout ${name}( |$)`));
  }
});

describe('examples of commands for a deployed stack are read', () => {
  const cloud = ['deploy', 'start', 'status', 'watch', 'scale', 'tolerate', 'stop', 'redrive', 'doctor'];
  test.each(cloud.flatMap((name) => EXAMPLES[name]?.map((example) => [name, example] as const) ?? []))(
    '%s: %s',
    async (name, example) => {
      const argv = example.split(' ').slice(2);
      const command = await commandOf(name);
      expect(() => parseArguments(argv, command)).not.toThrow();
    },
  );
});

describe.skipIf(process.platform === 'win32')('examples of commands for this machine are run', () => {
  let cwd: string;
  let server: S3Server;

  beforeAll(async () => {
    server = await startS3Server(['my-photos', 'my-website']);
    cwd = await mkdtemp(join(tmpdir(), 'image-fanout-help-'));
    await mkdir(join(cwd, 'photos/drafts'), { recursive: true });
    await mkdir(join(cwd, 'bin'));
    await writeFile(join(cwd, 'bin/image-fanout'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
    await chmod(join(cwd, 'bin/image-fanout'), 0o755);
    const stores = openStores({ s3: { client: server.client } });
    for (const [name, red] of Object.entries({ 'one.jpg': 10, 'two.jpg': 90, 'drafts/three.jpg': 200 })) {
      const image = await sharp({
        create: { width: 300, height: 200, channels: 3, background: { r: red, g: 9, b: 9 } },
      })
        .jpeg()
        .toBuffer();
      await writeFile(join(cwd, 'photos', name), image);
      await stores.open('my-photos').write(`2026/${name}`, image);
    }
    await stores.close();
  });
  afterAll(async () => {
    await server.stop();
    await rm(cwd, { recursive: true });
  });

  const local = ['run', 'plan', 'report', 'list', 'recipe', 'prune', 'schema'];
  test.each(local.flatMap((name) => EXAMPLES[name] ?? []))('%s', async (example) => {
    const env = { ...process.env, ...server.env, PATH: `${join(cwd, 'bin')}${delimiter}${process.env['PATH']}` };
    const { stdout } = await promisify(execFile)('sh', ['-c', example], { cwd, env });
    if (!example.includes(' > ')) expect(stdout).toMatch(/\S/);
    if (example.includes('--json')) expect(JSON.parse(stdout)).toBeDefined();
  });
});

describe('the help of', () => {
  test.each(names)('%s fits 80 and 40 columns, and names its options and examples', async (name) => {
    const command = await commandOf(name);
    const examples = EXAMPLES[name] ?? [];
    for (const width of [100, 80, 40]) {
      const text = commandHelp(command, examples, width);
      // Examples are to be copied, and some words are long.
      const lines = text.split('\n').filter((line) => !examples.some((example) => line === `  ${example}`));
      for (const line of lines) {
        if (line.length > width) expect(line.trim(), `${width}`).not.toMatch(/\S+ \S+ \S/);
      }
      for (const option of Object.keys(command.options)) expect(text).toContain(`--${option}`);
      for (const example of examples) expect(text).toContain(`\n  ${example}\n`.trimEnd());
    }
    const codes = commandHelp(command, examples, 100).includes('Exit codes');
    expect(codes).toBe(command.endsLikeRun === true || command.exits !== undefined);
  });

  test('the program fits, and lists every command', () => {
    const text = programHelp(
      Object.fromEntries(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])),
      60,
    );
    for (const name of names) expect(text).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });

  test('a command, as the program shows it: as wide as COLUMNS says, and without exit codes that are not its own', async () => {
    const { stdout, code } = await startIn({ COLUMNS: '60' }, 'schema', '--help').ended;
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:\n  image-fanout schema > job.schema.json\n');
    expect(stdout).not.toContain('Exit codes');
    const help = await run('run', '--help');
    expect(help.stdout).toMatch(/Exit codes, each with the status in the summary:\n {2}0 {4}succeeded/);
  });
});
