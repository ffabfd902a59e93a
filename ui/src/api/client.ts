// Asks the server and turns every failure into one kind of error with a message and a mend.
import type { SeriesRequest, SeriesResponse } from './types';

/** Longer than the server's own limit for a query, so that its answer wins over our patience. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Where in the text that was sent a fault lies, both from 1. */
export interface Place {
  line: number;
  column: number;
}

export class ApiError extends Error {
  constructor(
    message: string,
    readonly mend: string,
    readonly status: number,
    readonly place: Place | null = null,
  ) {
    super(message);
  }
}

/** True when the request was given up by us, which is never worth showing. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const text = await response.text();
    const isText = response.headers.get('content-type')?.startsWith('text/plain') === true;
    if (isText && text) return new ApiError(text.trim().slice(0, 500), '', response.status);
    const { error } = JSON.parse(text) as { error?: { message?: string; mend?: string; place?: Place } };
    if (error?.message) return new ApiError(error.message, error.mend ?? '', response.status, error.place ?? null);
  } catch {
    // A proxy in between answers in HTML; its status says enough.
  }
  return new ApiError(`The server answered ${response.status}`, 'Try again, or look at the log.', response.status);
}

async function ask<T>(path: string, init: RequestInit, signal: AbortSignal | undefined): Promise<T> {
  const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError('The server does not answer', 'It is asked again as soon as the connection is back.', 0);
  }
  if (!response.ok) throw await failure(response);
  return (await response.json()) as T;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>(path, { headers: { accept: 'application/json' } }, signal);
}

export function post<T>(path: string, request: unknown, signal?: AbortSignal): Promise<T> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) };
  return ask<T>(path, init, signal);
}

export function fetchSeries(request: SeriesRequest, signal?: AbortSignal): Promise<SeriesResponse> {
  return post<SeriesResponse>('/api/ui/series', request, signal);
}

/** The text of an error for people: what happened, then how to mend it. */
export function describe(error: unknown): string {
  if (error instanceof ApiError) return error.mend ? `${error.message}. ${error.mend}` : error.message;
  return error instanceof Error ? error.message : String(error);
}
