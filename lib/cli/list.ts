// `list`: the runs of a destination, or of the deployed stack, latest first.
import { defineCommand, EXIT, UsageError } from './command.ts';

export const command = defineCommand({
  summary: 'Lists runs, latest first: those of a destination, or of the deployed stack.',
  usage: ['list DST', 'list --in DST', 'list [--stack NAME]'],
  arguments: [0, 1],
  details: [
    'Of a run of this machine: when it was prepared, its status, how long it took, how many of its keys are done, its id.',
  ],
  options: {
    in: { type: 'string', value: 'DST', help: 'Where the runs are: a destination, or a place of results.' },
    stack: { type: 'string', value: 'NAME', help: 'The deployed stack that the runs are of.' },
    status: {
      type: 'string',
      value: 'STATUS',
      help: "Only runs with this status: a run's own word (see run --help) or running, or Step Functions' for a stack.",
    },
    most: { type: 'string', value: 'N', help: 'At most so many. Default: 20.' },
    json: { type: 'boolean', help: 'As a JSON array.' },
  },
  async run([destination], { in: place = destination, stack, status, most = '20', json = false }) {
    if (destination !== undefined && place !== destination) throw new UsageError('expected DST or --in, got both');
    if (place !== undefined && stack !== undefined) throw new UsageError('expected a destination or --stack, got both');
    if (!/^[1-9]\d*$/.test(most))
      throw new UsageError(`--most: expected a whole number of at least 1, got ${JSON.stringify(most)}`);
    const { runs, lines } = place === undefined ? await ofStack() : await ofPlace(place);
    process.stdout.write(json ? `${JSON.stringify(runs, undefined, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
    return EXIT.succeeded;

    async function ofPlace(text: string) {
      const { runsIn } = await import('./local-runs.ts');
      return await runsIn(text, Number(most), status);
    }

    async function ofStack() {
      const { runsOfStack } = await import('./cloud/list.ts');
      return await runsOfStack(stack, Number(most), status).catch((error: Error) => {
        if (stack === undefined && !(error instanceof UsageError))
          error.message += '\nFor runs of this machine, name their destination: list DST';
        throw error;
      });
    }
  },
});
