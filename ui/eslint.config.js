// Svelte's own rules for components; Biome has the rest.
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

export default ts.config({ ignores: ['dist', 'node_modules', 'build'] }, ...svelte.configs.recommended, {
  files: ['**/*.svelte', '**/*.svelte.ts'],
  languageOptions: { parserOptions: { parser: ts.parser } },
  rules: {
    // Links are made by route.href, and the router is our own, not SvelteKit's.
    'svelte/no-navigation-without-resolve': 'off',
  },
});
