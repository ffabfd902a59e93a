// The documents that more than one part of the page reads.

import { get } from '../api/client';
import type { Bootstrap, Catalog, Overview } from '../api/types';
import { clock } from './clock.svelte';
import { Resource } from './resource.svelte';

const BOOTSTRAP_RETRY_MS = 1_000;

export const overview = new Resource<Overview>('/api/ui/overview', {
  every_ms: 5_000,
  topics: ['alerts', 'targets', 'config'],
});

export const catalog = new Resource<Catalog>('/api/ui/catalog', { every_ms: 60_000, topics: [] });

let bootstrapped = $state.raw<Bootstrap | null>(null);

export const bootstrap = {
  get data(): Bootstrap | null {
    return bootstrapped;
  },
  /** Asks until the server answers: without the host's name and the server's clock no chart can be asked for. */
  async load(): Promise<void> {
    while (bootstrapped === null) {
      try {
        const answer = await get<Bootstrap>('/api/ui/bootstrap');
        clock.set(answer.now_ms);
        bootstrapped = answer;
      } catch {
        await new Promise((done) => setTimeout(done, BOOTSTRAP_RETRY_MS));
      }
    }
  },
};
