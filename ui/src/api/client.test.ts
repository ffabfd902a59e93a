import { describe as about, afterEach, expect, it, vi } from 'vitest';
import { type ApiError, describe, get } from './client';

afterEach(() => vi.unstubAllGlobals());

async function failed(response: Response): Promise<ApiError> {
  vi.stubGlobal('fetch', async () => response);
  return get('/api/x').then(
    () => Promise.reject(new Error('it did not fail')),
    (error: ApiError) => error,
  );
}

about('an answer that is an error', () => {
  it('tells what happened, the mend and the place', async () => {
    const body = { error: { message: 'no such thing', mend: 'Ask for another', place: { line: 2, column: 5 } } };
    const error = await failed(Response.json(body, { status: 400 }));
    expect([describe(error), error.status, error.place]).toEqual([
      'no such thing. Ask for another',
      400,
      { line: 2, column: 5 },
    ]);
  });

  it('may be plain text, as Loki has it', async () => {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    const error = await failed(new Response('parse error at line 1\n', { status: 400, headers }));
    expect([error.message, error.place]).toEqual(['parse error at line 1', null]);
  });

  it('of something in between is told by its status', async () => {
    const headers = { 'content-type': 'text/html' };
    const error = await failed(new Response('<html>Bad gateway</html>', { status: 502, headers }));
    expect(error.message).toBe('The server answered 502');
  });
});
