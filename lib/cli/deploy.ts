// `deploy`: hands over to the CDK command line with this package's app; needs no clone of the repository.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, EXIT, UsageError } from './command.ts';

/** The app: built in the package, as it is in the repository. */
function app(): string {
  const built = fileURLToPath(new URL('./app.mjs', import.meta.url));
  return existsSync(built) ? built : resolve(import.meta.dirname, '../../bin/app.ts');
}

/** The CDK command line's own script, installed beside the package or in the working directory. */
function cdk(): string {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.filename]) {
    try {
      const manifest = createRequire(from).resolve('aws-cdk/package.json');
      const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly bin: { readonly cdk: string } };
      return join(dirname(manifest), bin.cdk);
    } catch {
      // Not there: the next place.
    }
  }
  throw new UsageError('expected the CDK command line, found none; run: npm install aws-cdk aws-cdk-lib constructs');
}

const VERBS = ['deploy', 'synth', 'diff', 'destroy', 'bootstrap', 'list'] as const;

export const command: Command = {
  summary: "Deploys the stack: hands over to the CDK command line with this package's app.",
  usage: ['deploy [-- CDK ARGUMENTS]', `deploy ${VERBS.slice(1).join('|')} [-- CDK ARGUMENTS]`],
  details: [
    "All after -- is the CDK's: for example deploy -- -c image-fanout:source=s3://bucket/prefix/ --profile NAME.\nContext keys: docs/deploy.md.",
  ],
  arguments: [0, Number.POSITIVE_INFINITY],
  options: {},
  run: async (positionals) => {
    const [first, ...others] = positionals;
    const named = VERBS.some((verb) => verb === first);
    const verb = named ? (first ?? 'deploy') : 'deploy';
    const rest = named ? others : positionals;
    const quoted = (path: string) => `"${path}"`;
    // Ending with a space, as the CDK takes quotes off a value that begins and ends with them.
    const { status, error } = spawnSync(
      process.execPath,
      [cdk(), verb, '--app', `${quoted(process.execPath)} ${quoted(app())} `, ...rest],
      { stdio: 'inherit' },
    );
    if (error !== undefined) throw error;
    return status === 0 ? EXIT.succeeded : EXIT.notStarted;
  },
};
