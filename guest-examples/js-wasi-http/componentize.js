// node componentize.js OUT.wasm: puts app.js and its engine into one component.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: fileURLToPath(new URL('app.js', import.meta.url)),
  witPath: fileURLToPath(new URL('wit', import.meta.url)),
  worldName: 'application',
});
await writeFile(process.argv[2], component);
