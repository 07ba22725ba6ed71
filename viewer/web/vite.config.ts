import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// In development the API is served by `lieciba serve` on its default address.
export default defineConfig({
  plugins: [preact()],
  build: { target: "es2022", assetsInlineLimit: 0, sourcemap: false, emptyOutDir: true },
  server: { proxy: { "/v1": "http://127.0.0.1:8420" } },
});
