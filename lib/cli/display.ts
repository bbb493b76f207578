// Shows progress on standard error: one line that redraws itself on a terminal, a line now and then in a log.
import { styleText } from 'node:util';
import type { Progress } from './progress.ts';
import { type Paint, plainLine, progressLine } from './progress-line.ts';

export interface Display {
  /** Prints a line that stays, above the progress; also when quiet, as only failures and interruptions are said. */
  say(text: string): void;
  /** Writes one JSON line, for programs that read along; on the displays for people it does nothing. */
  event(name: string, fields: object): void;
  /** Writes to the log file only, where there is one. */
  log(text: string): void;
  /** Takes the progress line away and stops. */
  end(): void;
}

export interface DisplayOptions {
  readonly stream: NodeJS.WriteStream;
  /** Asked whenever a line is due; undefined while there is nothing to show. */
  readonly read: () => Progress | undefined;
  readonly quiet: boolean;
  /** Only JSON lines: messages and progress too. Default: false. */
  readonly json?: boolean;
  /** Milliseconds between two lines of progress in JSON. Default: 5000. */
  readonly every?: number;
}

const REDRAW_EVERY = 100;
const LOG_EVERY = 5_000;
const CLEAR_LINE = '\r\u001b[K';

/** Starts the display that fits the stream. */
export function showProgress(options: DisplayOptions): Display {
  if (options.json === true) return jsonDisplay(options);
  if (options.quiet) return quietDisplay(options);
  return options.stream.isTTY && process.env['TERM'] !== 'dumb' ? terminalDisplay(options) : logDisplay(options);
}

function terminalDisplay({ stream, read }: DisplayOptions): Display {
  // styleText leaves the colours out when NO_COLOR or the terminal says so.
  const paint: Paint = (style, text) => styleText(style, text, { stream });
  let shown = '';
  const draw = () => {
    const progress = read();
    // One column stays free: a full line would wrap on some terminals.
    const line = progress === undefined ? '' : progressLine(progress, (stream.columns || 80) - 1, paint);
    if (line === shown) return;
    // One write, so that the line never blinks empty.
    stream.write(`\r${line}\u001b[K`);
    shown = line;
  };
  const timer = setInterval(draw, REDRAW_EVERY);
  const clear = () => {
    if (shown !== '') stream.write(CLEAR_LINE);
    shown = '';
  };
  return {
    say(text) {
      stream.write(`${shown === '' ? '' : CLEAR_LINE}${text}\n${shown}`);
    },
    event() {},
    log() {},
    end() {
      clearInterval(timer);
      clear();
    },
  };
}

function quietDisplay({ stream }: DisplayOptions): Display {
  return { say: (text) => void stream.write(`${text}\n`), event: () => {}, log: () => {}, end: () => {} };
}

function logDisplay({ stream, read }: DisplayOptions): Display {
  const timer = setInterval(() => {
    const progress = read();
    if (progress !== undefined) stream.write(`${plainLine(progress)}\n`);
  }, LOG_EVERY);
  return {
    say(text) {
      stream.write(`${text}\n`);
    },
    event() {},
    log() {},
    end() {
      clearInterval(timer);
    },
  };
}

/** Every line is a JSON object with its kind in `event`: `failed`, `thresholdExceeded`, `message`, `progress`. */
function jsonDisplay({ stream, read, quiet, every = LOG_EVERY }: DisplayOptions): Display {
  const event = (name: string, fields: object) => void stream.write(`${JSON.stringify({ event: name, ...fields })}\n`);
  const timer = quiet
    ? undefined
    : setInterval(() => {
        const progress = read();
        if (progress !== undefined) event('progress', progress);
      }, every);
  return {
    say: (text) => event('message', { text }),
    event,
    log: () => {},
    end: () => clearInterval(timer),
  };
}
