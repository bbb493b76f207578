// S3 servers that are not ours to test against, each a process of its own: what scripts/s3-servers.sh installs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type S3Server, serverAt, startS3Server } from './s3-server.ts';

export type ServerName = 'fauxqs' | 'versitygw' | 'moto';

const VENV = resolve(import.meta.dirname, '../../.venv');
const VERSITYGW = join(VENV, 's3-servers/versitygw-v1.8.0');
const MOTO = join(VENV, 'bin/moto_server');

const installed = existsSync(VERSITYGW) && existsSync(MOTO);
if (!installed && process.env['CI'] !== undefined)
  throw new Error('expected the S3 servers that scripts/s3-servers.sh installs, found not both');
if (!installed) console.warn('skipped: tests against versitygw and moto; scripts/s3-servers.sh installs them');

/** The servers that are here: the others are left out, but not in CI. */
export const SERVERS: readonly ServerName[] = installed ? ['fauxqs', 'versitygw', 'moto'] : ['fauxqs'];

/** Starts one with these buckets. */
export async function startServer(name: ServerName, buckets: readonly string[] = []): Promise<S3Server> {
  if (name === 'fauxqs') return await startS3Server(buckets);
  const root = await mkdtemp(join(tmpdir(), `image-fanout-${name}-`));
  const port = await freePort();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };
  const [file, args] =
    name === 'moto'
      ? [MOTO, ['-H', '127.0.0.1', '-p', String(port)]]
      : [
          VERSITYGW,
          ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', join(root, 'meta'), join(root, 'data')],
        ];
  await mkdir(join(root, 'data'));
  await mkdir(join(root, 'meta'));
  const env = {
    ...process.env,
    ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
    ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const child = spawn(file as string, args as string[], { stdio: ['ignore', 'ignore', 'pipe'], env, cwd: root });
  let said = '';
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-2000);
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await answering(endpoint, child, () => said);
  const server = serverAt(endpoint, credentials, async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(root, { recursive: true, force: true });
  });
  for (const bucket of buckets) await server.createBucket(bucket);
  return server;
}

async function answering(endpoint: string, child: ChildProcess, said: () => string): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}: ${said()}`);
    const answer = await fetch(endpoint).catch(() => undefined);
    if (answer !== undefined) return;
  }
  throw new Error(`${child.spawnfile} does not answer: ${said()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
