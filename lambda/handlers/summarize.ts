// Summarize, as Lambda runs it.
import { Logger } from '@aws-lambda-powertools/logger';
import type { SummarizeEvent } from '../job/prepared.ts';
import { createSummarize } from '../report/summarize.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const summarize = createSummarize({ open });

export async function handler(event: SummarizeEvent, context: LambdaContext): Promise<unknown> {
  logger.addContext(context);
  logger.appendKeys({ results: event.results.prefix, mapRun: event.mapRun.MapRunArn });
  const summary = await summarize(event);
  logger.info('Wrote the account', { summary });
  return summary;
}
