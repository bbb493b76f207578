// Counts of one invocation as CloudWatch metrics: one line in the embedded metric format, searchable by run.
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { ENVIRONMENT } from '../contract/environment.ts';
import { METRICS } from '../contract/metrics.ts';
import { type Outcome, outputTotals } from '../contract/outcome.ts';
import type { RunKeys } from './run.ts';

const metrics = new Metrics({
  defaultDimensions: { [METRICS.stackDimension]: process.env[ENVIRONMENT.stack] ?? 'unnamed' },
});

/** How many keys of this invocation failed, by error class. */
const failed = new Map<string, number>();

/** Adds what became of one key. */
export function count(outcome: Outcome): void {
  if (outcome.status === 'pending') return;
  metrics.addMetric(METRICS[outcome.status], MetricUnit.Count, 1);
  if (outcome.status === 'succeeded') {
    metrics.addMetric(METRICS.bytesRead, MetricUnit.Bytes, outcome.source.bytes);
    const { written, bytes } = outputTotals(outcome);
    metrics.addMetric(METRICS.bytesWritten, MetricUnit.Bytes, bytes);
    metrics.addMetric(METRICS.outputsWritten, MetricUnit.Count, written);
    metrics.addMetric(METRICS.duration, MetricUnit.Milliseconds, outcome.ms.total);
  }
  if (outcome.status === 'failed') failed.set(outcome.error, (failed.get(outcome.error) ?? 0) + 1);
}

/** Writes the line of this invocation, and one for each error class that it met; nothing when nothing was counted. */
export function publish(run: RunKeys): void {
  if (!metrics.hasStoredMetrics()) return;
  for (const [error, keys] of failed) {
    const byClass = metrics.singleMetric();
    byClass.addDimension(METRICS.errorDimension, error);
    addRun(byClass, run);
    byClass.addMetric(METRICS.failedByClass, MetricUnit.Count, keys);
  }
  failed.clear();
  addRun(metrics, run);
  metrics.publishStoredMetrics();
}

function addRun(line: Metrics, run: RunKeys): void {
  for (const [name, value] of Object.entries(run)) line.addMetadata(name, value);
}
