// How the modules of the viewer and of the app, and their tests, are linted: `make test-js`.

import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  { languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser }, linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["tests/**"], languageOptions: { globals: globals.node } },
];
