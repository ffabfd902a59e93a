// Builds the page into `dist` with fixed file names, its licences and the fingerprint of its sources (see README.md).
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const ROOT = import.meta.dirname;
const CONFIG_FILES = [
  'index.html',
  'package-lock.json',
  'package.json',
  'svelte.config.js',
  'tsconfig.json',
  'vite.config.ts',
];
/** Packages whose code ends up in the bundle. Svelte's compiled runtime includes code of its own dependencies. */
const BUNDLED = ['clsx', 'esm-env', 'svelte', 'uplot'];

/** Relative paths of every file the build depends on, sorted by their bytes. */
function sourcePaths(): string[] {
  const inside = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(ROOT.length + 1)
        .replaceAll('\\', '/'),
    );
  return [...inside, ...CONFIG_FILES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** SHA-256 over `path NUL length(8 bytes, little endian) bytes` of every source file. */
function sourceHash(): string {
  const hash = createHash('sha256');
  for (const path of sourcePaths()) {
    const bytes = readFileSync(join(ROOT, path));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    hash.update(`${path}\0`).update(length).update(bytes);
  }
  return hash.digest('hex');
}

function licences(): string {
  return BUNDLED.map((name) => {
    const folder = join(ROOT, 'node_modules', name);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
    const file = ['LICENSE', 'LICENSE.md', 'license'].map((f) => join(folder, f)).find((f) => existsSync(f));
    const text = file ? readFileSync(file, 'utf8').trim() : '';
    return `${name} ${manifest.version} (${manifest.license})\n\n${text}`.trim();
  }).join(`\n\n${'-'.repeat(80)}\n\n`);
}

function stamp(): Plugin {
  let outDir = '';
  return {
    name: 'watchkeeper-stamp',
    apply: 'build',
    configResolved(config) {
      outDir = join(ROOT, config.build.outDir);
    },
    closeBundle() {
      writeFileSync(join(outDir, 'licenses.txt'), `${licences()}\n`);
      writeFileSync(join(outDir, '.source-hash'), `${sourceHash()}\n`);
    },
  };
}

export default defineConfig({
  base: '',
  publicDir: false,
  plugins: [svelte(), stamp()],
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
        codeSplitting: { groups: [{ name: 'vendor', test: /node_modules/ }] },
      },
    },
  },
  server: {
    proxy: {
      '/api': { target: process.env.WATCHKEEPER_URL ?? 'http://127.0.0.1:9595', ws: true },
      '/loki': process.env.WATCHKEEPER_URL ?? 'http://127.0.0.1:9595',
    },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
});
