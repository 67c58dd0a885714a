import { defineConfig } from 'vite';

export default defineConfig({
  // The page may lie below any path.
  base: './',
  build: {
    outDir: '../../target/console',
    emptyOutDir: true,
    target: 'es2023',
    // Nothing of the page stands in the page: its policy allows no inline script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: true,
  },
});
