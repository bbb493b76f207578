// Ends of the process that do not wait for threads: Node.js's own exit joins those that still work on images.
import { EXIT, type ExitCode } from './command.ts';

/** Ends the process as SIGINT does (130 in a shell). */
export function endBySignal(): void {
  // The first process of a container has no default for signals.
  if (process.pid === 1) process.exit(EXIT.interrupted);
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}

/** Ends the process with the code: at once where Node.js can replace a program (22.15, not on Windows), else in its own time. */
export function endAtOnce(code: ExitCode): void {
  if (typeof process.execve !== 'function') process.exit(code);
  // The same process number with a program that does nothing: what the threads held is gone with the old one.
  process.execve(process.execPath, [process.execPath, '-e', `process.exit(${code})`], process.env);
}
