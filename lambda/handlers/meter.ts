// What an invocation uses of what AWS bills: its time and its requests to S3, for the ledger.
import type { Used } from '../contract/used.ts';
import { requestsSoFar } from './runtime.ts';

let begun = false;

/**
 * Begins to measure an invocation; what it answers tells what was used until then. An environment's first invocation is
 * billed for the environment's start too: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */
export function meter(): () => Used {
  const started = performance.now();
  const before = requestsSoFar();
  const start = begun ? 0 : process.uptime() * 1000;
  begun = true;
  return () => {
    const now = requestsSoFar();
    const kms = now.kms - before.kms;
    return {
      // Lambda rounds up to a millisecond.
      ms: Math.ceil(start + performance.now() - started),
      mb: Number(process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? 0),
      gets: now.gets - before.gets,
      puts: now.puts - before.puts,
      ...(kms === 0 ? {} : { kms }),
    };
  };
}
