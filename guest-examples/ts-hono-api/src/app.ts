// A JSON API with validation: counts birds by species. Hono does the routing, Zod the validation.

import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';

const sightings = z.strictObject({
  place: z.string().trim().min(1).max(100),
  birds: z.array(z.strictObject({ species: z.string().trim().min(1), count: z.int().min(1).max(10_000) })).min(1),
});

const app = new Hono();

app.get('/', (context) => context.text('POST /sightings\n'));

app.post('/sightings', async (context) => {
  const body = await context.req.json().catch((reason: unknown) => {
    throw new HTTPException(400, { message: `this is no JSON: ${String(reason)}` });
  });
  const parsed = sightings.safeParse(body);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({ at: path.join('.'), message }));
    return context.json({ title: 'this is no list of sightings', errors }, 422);
  }
  const bySpecies: Record<string, number> = {};
  for (const { species, count } of parsed.data.birds) {
    bySpecies[species] = (bySpecies[species] ?? 0) + count;
  }
  const total = Object.values(bySpecies).reduce((sum, count) => sum + count, 0);
  return context.json({ place: parsed.data.place, total, bySpecies });
});

app.notFound((context) => context.json({ title: 'there is nothing here' }, 404));

app.onError((error, context) => {
  const status = error instanceof HTTPException ? error.status : 500;
  if (status === 500) {
    console.error(error); // appears in the server's log
  }
  return context.json({ title: status === 500 ? 'the app has failed' : error.message }, status);
});

declare function addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;

addEventListener('fetch', (event) => event.respondWith(app.fetch(event.request)));
