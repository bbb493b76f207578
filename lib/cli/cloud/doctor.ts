// `doctor`: checks a deployment from where it is called: what can be read and written, events, keys and quotas.
import { defineCommand, EXIT } from '../command.ts';
import { checksOf, type Finding, findingOf } from './doctor-checks.ts';
import { findStack, STACK_OPTION } from './stack.ts';

const MARKS: Readonly<Record<Finding['state'], string>> = { ok: 'ok   ', note: 'note ', failed: 'FAIL ' };

export const command = defineCommand({
  summary:
    'Checks the deployed stack: reading, writing, encryption, events and quotas; prints the permission that is missing.',
  usage: ['doctor'],
  arguments: [0, 0],
  details: [
    'It checks with your own credentials, and writes and deletes one empty object in the destination and in the results.\nWhat the functions themselves may do is proven by a run with one key: image-fanout start --keys KEY --watch',
  ],
  options: { ...STACK_OPTION, json: { type: 'boolean', help: 'The findings as a JSON array.' } },
  async run(_, { stack: stackName, json = false }) {
    const stack = await findStack(stackName);
    const findings: Finding[] = [];
    for (const check of checksOf(stack)) {
      const finding = await findingOf(check);
      findings.push(finding);
      if (!json) process.stdout.write(findingText(finding));
    }
    if (json) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
    return findings.some(({ state }) => state === 'failed') ? EXIT.notStarted : EXIT.succeeded;
  },
});

function findingText({ state, name, detail, statement }: Finding): string {
  const missing = statement === undefined ? '' : `      grant: ${JSON.stringify(statement)}\n`;
  return `${MARKS[state]} ${name}: ${detail}\n${missing}`;
}
