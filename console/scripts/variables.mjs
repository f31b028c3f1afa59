/**
 * Write the CSS variables of the theme to a file.
 *
 * The component library would add them in a <style> element, which the Content-Security-Policy of the console refuses.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core';

const at = (path) => new URL(path, import.meta.url);
const tokens = JSON.parse(readFileSync(at('../src/app/theme/tokens.json'), 'utf8'));
const theme = mergeMantineTheme(DEFAULT_THEME, tokens);
mkdirSync(at('../src/app/theme/generated/'), { recursive: true });
writeFileSync(
  at('../src/app/theme/generated/variables.css'),
  convertCssVariables(defaultCssVariablesResolver(theme), ':root'),
);
