// node componentize.js OUT.wasm: builds a component from build/app.js and the JavaScript engine.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { componentize } from '@bytecodealliance/componentize-js';

const out = process.argv[2];
const { component } = await componentize({
  sourcePath: 'build/app.js',
  witPath: 'wit',
  worldName: 'app',
  disableFeatures: ['http', 'fetch-event'], // the app answers through windhover:http, and sends no requests
});
await mkdir(dirname(out), { recursive: true });
await writeFile(out, component);
