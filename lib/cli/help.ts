// The help of the program and of each command, made from the tables that the arguments are read by.
import { RUN_STATUSES } from '../../lambda/report/status.ts';
import type { Command, OptionTable } from './command.ts';

const WIDTH = 100;

/** The run's own exit codes, for commands that end with them. */
function runExitCodes(): string {
  const rows = Object.entries(RUN_STATUSES).map(([word, { exitCode, meaning }]) =>
    entry(`${String(exitCode).padEnd(3)}  ${word}`, meaning, 32),
  );
  return `Exit codes, each with the status in the summary:\n${rows.join('\n')}`;
}

const PLAIN_EXIT_CODES = `Exit codes:
  0    done
  1    not done; standard error says why`;

/** The help of the whole program. */
export function programHelp(commands: Readonly<Record<string, string>>): string {
  const column = Math.max(...Object.keys(commands).map((name) => name.length)) + 4;
  const lines = Object.entries(commands).map(([name, summary]) => entry(name, summary, column));
  return [
    'image-fanout: process every image under an S3 prefix or in a directory, and account for each.',
    'Usage:\n  image-fanout run SRC DST [options]\n  image-fanout COMMAND --help',
    `Commands:\n${lines.join('\n')}`,
    'Exit codes:\n  0    done\n  1    not done; standard error says why\n  The commands that end with a run have its own: see image-fanout run --help.',
  ].join('\n\n');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  return [
    command.summary,
    `Usage:\n${command.usage.map((usage) => `  image-fanout ${usage}`).join('\n')}`,
    ...(command.details ?? []),
    `Options:\n${optionLines(command.options).join('\n')}`,
    command.endsLikeRun === true ? runExitCodes() : PLAIN_EXIT_CODES,
  ].join('\n\n');
}

function optionLines(options: OptionTable): string[] {
  const all: OptionTable = { ...options, help: { type: 'boolean', help: 'Shows this.' } };
  return Object.entries(all).map(([name, { value, help, multiple }]) =>
    entry(`--${name}${value === undefined ? '' : ` ${value}`}`, multiple === true ? `${help} Repeatable.` : help, 34),
  );
}

function entry(name: string, text: string, column: number): string {
  const indent = ' '.repeat(column);
  const head = `  ${name}`;
  const lines = wrapped(text, WIDTH - column);
  const first = head.length < column ? head.padEnd(column) : `${head}\n${indent}`;
  return first + lines.join(`\n${indent}`);
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
