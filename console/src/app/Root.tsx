import { Outlet } from '@tanstack/react-router';

/** All pages. */
export function Root() {
  return <Outlet />;
}
