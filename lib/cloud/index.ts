// The construct for CDK apps, `image-fanout`, and the stack of the package's own app.
export { readContext, type Settings } from './context.ts';
export { ImageFanout, type ImageFanoutProps } from './image-fanout.ts';
export type { Place } from './places.ts';
export { ImageFanoutStack, type ImageFanoutStackProps } from './stack.ts';
export type { Uploads } from './triggers.ts';
