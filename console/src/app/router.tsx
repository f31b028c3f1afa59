import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router';
import { startSession } from '@/api/session';
import { Crashed } from '@/components/ErrorBoundary';
import { Loading } from '@/components/states';
import { Frame } from './frame/Frame';
import { NotFound } from './NotFound';
import { Root } from './Root';
import { optional } from './search';

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFound,
  errorComponent: ({ error }) => <Crashed error={error} />,
  validateSearch: optional('tenant'),
  search: { middlewares: [retainSearchParams(['tenant'])] },
});

/** Pages for people who are not signed in. */
const open = createRoute({ getParentRoute: () => root, id: 'open' });

/** Pages inside of the frame: sign in first, then come back to the address. */
const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  component: Frame,
  beforeLoad: async ({ location }) => {
    if ((await startSession()) === 'signed-out') throw redirect({ to: '/login', search: { next: location.href } });
  },
});

const inFrame = () => frame;
const inOpen = () => open;

/** Add a screen: a folder in src/screens, and one entry here. */
const screens = [
  createRoute({
    getParentRoute: inFrame,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/segments' });
    },
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/get-started',
    component: lazyRouteComponent(() => import('@/screens/onboarding/GetStarted'), 'GetStarted'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/segments',
    validateSearch: optional('q', 'tag'),
    component: lazyRouteComponent(() => import('@/screens/segments/list/Segments'), 'Segments'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/segments/new',
    component: lazyRouteComponent(() => import('@/screens/segments/new/NewSegment'), 'NewSegment'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/segments/$segmentId',
    validateSearch: optional('tab'),
    component: lazyRouteComponent(() => import('@/screens/segments/detail/Segment'), 'Segment'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/users',
    validateSearch: optional('q', 'trait', 'value'),
    component: lazyRouteComponent(() => import('@/screens/users/Users'), 'Users'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/users/$userId',
    validateSearch: optional('tab', 'segment', 'type', 'event', 'at'),
    component: lazyRouteComponent(() => import('@/screens/users/User'), 'User'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/events',
    validateSearch: optional('tab', 'type', 'event_type', 'user_id', 'q', 'since', 'until'),
    component: lazyRouteComponent(() => import('@/screens/events/Events'), 'Events'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/analytics',
    validateSearch: optional('tab', 'days', 'shown'),
    component: lazyRouteComponent(() => import('@/screens/analytics/Analytics'), 'Analytics'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/ingestion',
    validateSearch: optional('tab', 'error'),
    component: lazyRouteComponent(() => import('@/screens/ingestion/Ingestion'), 'Ingestion'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/settings/activations/$activationId',
    component: lazyRouteComponent(() => import('@/screens/activations/detail/Activation'), 'Activation'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/settings',
    beforeLoad: () => {
      throw redirect({ to: '/settings/$tab', params: { tab: 'general' } });
    },
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/settings/$tab',
    validateSearch: optional('action', 'actor', 'target', 'since', 'until'),
    component: lazyRouteComponent(() => import('@/screens/settings/Settings'), 'Settings'),
  }),
  createRoute({
    getParentRoute: inFrame,
    path: '/status',
    component: lazyRouteComponent(() => import('@/screens/status/Status'), 'Status'),
  }),
  createRoute({ getParentRoute: inFrame, path: '$', component: NotFound }),
] as const;

const openScreens = [
  createRoute({
    getParentRoute: inOpen,
    path: '/login',
    validateSearch: optional('next'),
    component: lazyRouteComponent(() => import('@/screens/auth/Login'), 'Login'),
  }),
  createRoute({
    getParentRoute: inOpen,
    path: '/signup',
    component: lazyRouteComponent(() => import('@/screens/auth/SignUp'), 'SignUp'),
  }),
  createRoute({
    getParentRoute: inOpen,
    path: '/invite',
    validateSearch: optional('token'),
    component: lazyRouteComponent(() => import('@/screens/invite/Invite'), 'Invite'),
  }),
  createRoute({
    getParentRoute: inOpen,
    path: '/forgot-password',
    component: lazyRouteComponent(() => import('@/screens/reset-password/ForgotPassword'), 'ForgotPassword'),
  }),
  createRoute({
    getParentRoute: inOpen,
    path: '/reset-password',
    validateSearch: optional('token'),
    component: lazyRouteComponent(() => import('@/screens/reset-password/ResetPassword'), 'ResetPassword'),
  }),
  createRoute({
    getParentRoute: inOpen,
    path: '/verify-email',
    validateSearch: optional('token'),
    component: lazyRouteComponent(() => import('@/screens/verify-email/VerifyEmail'), 'VerifyEmail'),
  }),
] as const;

const tree = root.addChildren([frame.addChildren(screens), open.addChildren(openScreens)]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  defaultErrorComponent: ({ error }) => <Crashed error={error} />,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
