// Reads a command's arguments, strictly: whatever is not known is named, with what was probably meant.
import { parseArgs } from 'node:util';
import { suggest } from '../../lambda/contract/suggest.ts';
import { type Command, type OptionTable, type OptionValues, UsageError } from './command.ts';

export interface ParsedArguments {
  readonly positionals: readonly string[];
  readonly options: OptionValues<OptionTable>;
}

/** Reads the arguments of a command. Throws UsageError. */
export function parseArguments(
  argv: readonly string[],
  command: Pick<Command, 'options' | 'arguments' | 'usage'>,
): ParsedArguments {
  const { values, positionals } = parsed(argv, command.options);
  const [least, most] = command.arguments;
  if (positionals.length < least || positionals.length > most) {
    const given = positionals.length === 0 ? 'none' : positionals.join(' ');
    throw new UsageError(`expected ${command.usage.join(' or ')}, got ${given}`);
  }
  // Each option was given to parseArgs with its own type, which its result type forgets.
  return { positionals, options: values as OptionValues<OptionTable> };
}

function parsed(argv: readonly string[], options: OptionTable) {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple }]) => [name, { type, multiple: multiple === true }]),
  );
  try {
    return parseArgs({ args: [...argv], options: config, allowPositionals: true, strict: true, allowNegative: true });
  } catch (error) {
    throw new UsageError(explain(error as Error & { code?: string }, Object.keys(options)));
  }
}

function explain(error: Error & { code?: string }, known: readonly string[]): string {
  const unknown = error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-{1,2})([^']*)'/.exec(error.message) : null;
  if (unknown === null) return error.message.replaceAll('\n', ' ');
  const [, dashes, name = ''] = unknown;
  const near = suggest(name, known);
  return `there is no option ${dashes}${name}${near === undefined ? '' : `; did you mean --${near}?`}`;
}
