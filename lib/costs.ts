// The README's examples of what a run costs on AWS, made of the formula and the prices in lambda/estimate/.
import { costs, type RunShape, secondsOf } from '../lambda/estimate/costs.ts';

/** The README's examples: how many images, and what becomes of each. */
export const EXAMPLES: readonly (RunShape & { readonly name: string })[] = [
  { name: '10,000 photos, `web`', images: 10_000, milliseconds: 1500, outputs: 13 },
  { name: '1,000,000 photos, `thumbnail`', images: 1_000_000, milliseconds: 200, outputs: 1 },
  { name: '1,000,000 photos, `web`', images: 1_000_000, milliseconds: 1500, outputs: 13 },
  {
    name: '100,000,000 photos, `thumbnail`, 10 a call',
    images: 100_000_000,
    milliseconds: 200,
    outputs: 1,
    itemsPerInvocation: 10,
  },
];

function hours(seconds: number): string {
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toPrecision(2)} h`;
}

/** The examples as the README's table. */
export function costTable(): string {
  const dollars = (amount: number) =>
    `$${amount.toLocaleString('en-US', amount < 100 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 })}`;
  const rows = EXAMPLES.map((example) => {
    const { lambda, stepFunctions, s3, logs, xray, metrics, sns, total } = costs(example);
    const seconds = `${example.milliseconds / 1000} s`;
    const amounts = [lambda, stepFunctions, s3, logs, xray + metrics + sns].map(dollars).join(' | ');
    return `| ${example.name} | ${seconds} | ${hours(secondsOf(example))} | ${amounts} | **${dollars(total)}** |`;
  });
  return [
    '| run | per image | 100 at once | Lambda | Step Functions | S3 requests | logs | X-Ray, metrics, SNS | total |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
