import { createTheme, type MantineThemeOverride } from '@mantine/core';
import { text } from '@/strings';
import tokens from './tokens.json';

const SMALL = { size: 'sm' } as const;
// Forms say what is optional instead.
const FIELD = { size: 'sm', withAsterisk: false } as const;
// Locking the page's scroll would add a <style> element, which the Content-Security-Policy refuses.
const OVERLAY = {
  lockScroll: false,
  transitionProps: { duration: 120 },
  closeButtonProps: { 'aria-label': text.common.close },
} as const;

/** The theme of all components. Its CSS variables are written to a file at build time, see scripts/variables.mjs. */
export const theme: MantineThemeOverride = createTheme({
  ...(tokens as unknown as MantineThemeOverride),
  components: {
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray', size: 28 } },
    Button: { defaultProps: { size: 'sm' } },
    Checkbox: { defaultProps: SMALL },
    Menu: { defaultProps: { transitionProps: { duration: 100 }, shadow: 'md' } },
    Modal: { defaultProps: { ...OVERLAY, centered: true } },
    Drawer: { defaultProps: OVERLAY },
    Radio: { defaultProps: SMALL },
    Select: { defaultProps: FIELD },
    SegmentedControl: { defaultProps: SMALL },
    Switch: { defaultProps: SMALL },
    Textarea: { defaultProps: FIELD },
    TextInput: { defaultProps: FIELD },
    PasswordInput: { defaultProps: FIELD },
    NumberInput: { defaultProps: FIELD },
    Tooltip: { defaultProps: { openDelay: 300, transitionProps: { duration: 80 }, withArrow: true } },
  },
});
