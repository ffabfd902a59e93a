// The server under test: the one WATCHKEEPER_URL names, or the binary on a free port with an empty data folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    url: string;
  }
}

export interface Server {
  url: string;
  readyAt_ms: number;
  stop(): Promise<void>;
}

const READY_MS_MAX = 20_000;

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => done(port));
    });
  });
}

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const end = Date.now() + READY_MS_MAX;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output()}`);
    const answer = await fetch(`${url}/-/ready`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((next) => setTimeout(next, 50));
  }
  throw new Error(`the server was not ready after ${READY_MS_MAX} ms:\n${output()}`);
}

/** A server of its own on a free port, with an empty data folder that goes when it stops. */
export async function startServer(): Promise<Server> {
  const binary = resolve(process.env.WATCHKEEPER_BIN ?? join(import.meta.dirname, '../../target/release/watchkeeper'));
  if (!existsSync(binary)) throw new Error(`there is no ${binary}: run cargo build --release, or set WATCHKEEPER_BIN`);
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-e2e-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(binary, ['serve', '--data-dir', folder, '--listen', listen], { cwd: folder });
  let text = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (part) => (text += part));
  const url = `http://${listen}`;
  const stop = async () => {
    if (child.exitCode === null) {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(url, child, () => text);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, readyAt_ms: Date.now(), stop };
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.WATCHKEEPER_URL;
  if (given) {
    project.provide('url', given.replace(/\/$/, ''));
    return undefined;
  }
  const server = await startServer();
  project.provide('url', server.url);
  return server.stop;
}
