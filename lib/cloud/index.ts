// The construct for CDK apps, `image-fanout`, and the stack of the package's own app.
export { readContext, type Settings } from './context.ts';
export { type Functions, ImageFanout, type ImageFanoutProps, type LogGroups } from './image-fanout.ts';
export type { MetricName } from './monitoring.ts';
export type { Place } from './places.ts';
export { ImageFanoutStack, type ImageFanoutStackProps } from './stack.ts';
export type { Uploads } from './triggers.ts';
