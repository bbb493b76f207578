// `schema`: prints the JSON Schema of a job.
import { defineCommand, EXIT } from './command.ts';

export const command = defineCommand({
  summary: 'Prints the JSON Schema of a job, for editors.',
  usage: ['schema'],
  arguments: [0, 0],
  options: {},
  async run() {
    const { jobJsonSchema } = await import('../../lambda/job/job.ts');
    process.stdout.write(`${JSON.stringify(jobJsonSchema(), undefined, 2)}\n`);
    return EXIT.succeeded;
  },
});
