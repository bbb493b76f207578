// The help of the program and of each command, made from the tables that the arguments are read by.
import type { Command, OptionTable } from './command.ts';

const WIDTH = 100;

const EXIT_CODES = `Exit codes:
  0    all keys succeeded or were rightly skipped
  1    nothing was started: wrong arguments, a bad job, no permission
  2    stopped by failures, or by the deadline
  3    finished, with failures that were tolerated
  130  interrupted: Ctrl-C finishes what runs, a second Ctrl-C aborts it`;

/** The help of the whole program. */
export function programHelp(commands: Readonly<Record<string, string>>): string {
  const column = Math.max(...Object.keys(commands).map((name) => name.length)) + 4;
  const lines = Object.entries(commands).map(([name, summary]) => entry(name, summary, column));
  return [
    'image-fanout: process every image under an S3 prefix or in a directory, and account for each.',
    'Usage:\n  image-fanout run SRC DST [options]\n  image-fanout COMMAND --help',
    `Commands:\n${lines.join('\n')}`,
    EXIT_CODES,
  ].join('\n\n');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  return [
    command.summary,
    `Usage:\n${command.usage.map((usage) => `  image-fanout ${usage}`).join('\n')}`,
    ...(command.details ?? []),
    `Options:\n${optionLines(command.options).join('\n')}`,
    EXIT_CODES,
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
