// The CDK app: reads the context once and makes the stack.
import { App } from 'aws-cdk-lib';
import { readContext } from '../lib/cloud/context.ts';
import { ownContext } from '../lib/cloud/flags.ts';
import { ImageFanoutStack } from '../lib/cloud/stack.ts';

const app = new App({ context: ownContext() });
const settings = readContext(app.node);
new ImageFanoutStack(app, settings.stackName, { settings });
