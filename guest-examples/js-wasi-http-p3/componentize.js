// node componentize.js OUT.wasm: builds a component from app.js and the JavaScript engine.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { componentize } from 'componentize-qjs';

const out = process.argv[2];
const jsSource = await readFile('app.js', 'utf8');
const { component } = await componentize({ jsSource, jsPath: 'app.js', witPath: 'wit', world: 'app' });
await mkdir(dirname(out), { recursive: true });
await writeFile(out, component);
