// The command line: finds the command, reads its arguments, runs it, and says what went wrong.

import { suggest } from '../../lambda/contract/suggest.ts';
import { parseArguments } from './arguments.ts';
import { type Command, EXIT, type ExitCode, UsageError } from './command.ts';
import { EXAMPLES } from './examples.ts';
import { commandHelp, helpWidth, programHelp } from './help.ts';

/** Each command is loaded only when it is asked for, so that the program starts at once. */
export const COMMANDS: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ command: Command }> }>
> = {
  run: { summary: 'Runs a job on this machine.', load: () => import('./run.ts') },
  plan: { summary: 'Tells what a job would take, cost and fail at.', load: () => import('./plan.ts') },
  report: { summary: 'Shows the account of a run.', load: () => import('./report.ts') },
  recipe: { summary: 'Checks a recipe, or lists the presets.', load: () => import('./recipe.ts') },
  prune: {
    summary: 'Shows or removes outputs that a job does not ask for any more.',
    load: () => import('./prune.ts'),
  },
  schema: { summary: 'Prints the JSON Schema of a job, for editors.', load: () => import('./schema.ts') },
  deploy: { summary: 'Deploys the stack with the CDK command line.', load: () => import('./deploy.ts') },
  start: { summary: 'Starts a job on the deployed stack.', load: () => import('./cloud/start.ts') },
  status: { summary: 'Shows how a run of the deployed stack stands.', load: () => import('./cloud/status.ts') },
  watch: { summary: 'Shows a run of the deployed stack until it ends.', load: () => import('./cloud/watch.ts') },
  scale: { summary: 'Sets how many keys a running run has in flight.', load: () => import('./cloud/scale.ts') },
  tolerate: { summary: 'Sets the failures that do not stop a running run.', load: () => import('./cloud/tolerate.ts') },
  stop: { summary: 'Stops a run of the deployed stack.', load: () => import('./cloud/stop.ts') },
  redrive: { summary: 'Carries on a run that failed or was stopped.', load: () => import('./cloud/redrive.ts') },
  doctor: { summary: 'Checks the deployed stack.', load: () => import('./cloud/doctor.ts') },
  list: { summary: 'Lists the runs of a destination, or of the deployed stack.', load: () => import('./list.ts') },
};

/** Runs the program. Answers the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = argv;
  // A reader that went away (`| head`) or a full disk is no reason to stop a run: what would stand there is dropped. The
  // account has it all, and the exit code is about the keys. Of other commands it is all they do.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      if (name !== 'run') throw error;
      if (stream === process.stdout) process.stderr.write(`image-fanout run: standard output: ${error.message}\n`);
    });
  }
  try {
    return await dispatch(name, rest);
  } catch (error) {
    process.stderr.write(`${describe(error, name)}\n`);
    return EXIT.notStarted;
  }
}

async function dispatch(name: string | undefined, rest: readonly string[]): Promise<ExitCode> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const stream = name === undefined ? process.stderr : process.stdout;
    const width = helpWidth(stream, process.env);
    const summaries = Object.fromEntries(Object.entries(COMMANDS).map(([command, { summary }]) => [command, summary]));
    stream.write(`${programHelp(summaries, width)}\n`);
    return name === undefined ? EXIT.notStarted : EXIT.succeeded;
  }
  if (name === '--version' || name === '-v') {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    process.stdout.write(`${manifest.version}\n`);
    return EXIT.succeeded;
  }
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined) throw unknownCommand(name);
  const { command } = await found.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${commandHelp(command, EXAMPLES[name] ?? [], helpWidth(process.stdout, process.env))}\n`);
    return EXIT.succeeded;
  }
  const { positionals, options } = parseArguments(rest, command);
  return await command.run(positionals, options);
}

function unknownCommand(name: string): UsageError {
  const near = suggest(name.replace(/^-+/, ''), Object.keys(COMMANDS));
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return new UsageError(`there is no ${name.startsWith('-') ? 'option' : 'command'} ${name}${hint}`);
}

function describe(error: unknown, command: string | undefined): string {
  const known = command !== undefined && Object.hasOwn(COMMANDS, command);
  const program = known ? `image-fanout ${command}` : 'image-fanout';
  if (error instanceof UsageError) return `${program}: ${error.message}\nSee: ${program} --help`;
  if (!(error instanceof Error)) return `${program}: ${String(error)}`;
  const kind = error.name === 'Error' ? '' : `${error.name}: `;
  return `${program}: ${kind}${error.message}`;
}
