import '@mantine/core/styles.css';
import './app/theme/generated/variables.css';
import './app/theme/base.css';
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from './api/queries';
import { router } from './app/router';
import { theme } from './app/theme/theme';

const schemes = localStorageColorSchemeManager({ key: 'segops.theme' });

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    {/* Variables and classes are in files: the Content-Security-Policy refuses <style> elements. */}
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={schemes}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
