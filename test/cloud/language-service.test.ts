// The definition is one that AWS's own language service has nothing to say against: what the console's editor runs.
import aslService from 'amazon-states-language-service';
import { expect, it } from 'vitest';
import type { StateMachineDefinition } from '../../lib/states-language.ts';
import { workflow } from '../../lib/workflow.ts';

const arn = (name: string) => `arn:aws:lambda:us-east-1:123456789012:function:${name}`;
const definition = workflow({
  functions: { prepare: arn('p'), process: arn('i'), processLarge: arn('l'), summarize: arn('s') },
});

/** What the service says of a definition, each with the line that it is of. */
async function diagnostics(of: unknown): Promise<string[]> {
  const text = JSON.stringify(of, undefined, 2);
  const service = aslService.getLanguageService({});
  const document = aslService.TextDocument.create('file:///definition.asl.json', 'json', 1, text);
  const found = await service.doValidation(document, service.parseJSONDocument(document));
  return found.map(({ message, range }) => `${message} [${text.split('\n')[range.start.line]?.trim()}]`);
}

it('has no diagnostics', async () => {
  expect(await diagnostics(definition)).toEqual([]);
});

it.each([
  ['a Next that leads nowhere', (it: StateMachineDefinition) => ({ ...it, StartAt: 'Nowhere' })],
  [
    'a state that cannot be reached',
    (it: StateMachineDefinition) => ({ ...it, States: { ...it.States, Alone: { Type: 'Pass', End: true } } }),
  ],
])('would have one for %s', async (_what, broken) => {
  expect(await diagnostics(broken(definition))).not.toEqual([]);
});
