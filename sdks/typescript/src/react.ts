'use client';
import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from 'react';
import type { Client, Events, TrackCall } from './types.ts';

/** Loads the signed-in user's segments from your own server; a page's key cannot read them. */
export type LoadSegments = () => Promise<readonly number[]>;

export interface SegOpsProviderProps {
  // biome-ignore lint/suspicious/noExplicitAny: any client, whatever its event types.
  client: Client<any>;
  loadSegments?: LoadSegments | undefined;
  children?: ReactNode;
}

const Context = createContext<Omit<SegOpsProviderProps, 'children'> | undefined>(undefined);

const useProvided = () => {
  const found = useContext(Context);
  if (!found) throw new Error('SegOpsProvider is missing');
  return found;
};

/** Provides the client to the components below. */
export const SegOpsProvider = ({ children, ...value }: SegOpsProviderProps) =>
  createElement(Context.Provider, { value }, children);

/** The client of the provider. */
export const useSegOps = <E extends Events = Record<string, object>>(): Client<E> => useProvided().client;

/** `setUser(userId, traits)` when a user signs in, `reset()` when they sign out; the same functions at every render. */
export const useUser = () => {
  const client = useSegOps();
  return useMemo(
    () => ({
      setUser: (userId: string, traits?: object) => client.identify({ userId, traits }),
      reset: () => client.reset(),
    }),
    [client],
  );
};

/** `track(eventType, payload)`, the same function at every render. */
export const useTrack = <E extends Events = Record<string, object>>() => {
  const client = useSegOps<E>();
  return useCallback(
    <Name extends keyof E & string>(eventType: Name, payload?: E[Name]) =>
      client.track({ eventType, payload } as TrackCall<E, Name>),
    [client],
  );
};

export interface Segments {
  /** Undefined until loaded. */
  segmentIds: readonly number[] | undefined;
  error: unknown;
  /** Returns true if the user is in the segment; false until loaded. */
  isIn: (segmentId: number) => boolean;
}

/** The user's segments, loaded when `userId` changes. */
export const useSegments = (userId?: string): Segments => {
  const { loadSegments } = useProvided();
  const [state, setState] = useState<Pick<Segments, 'segmentIds' | 'error'>>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: reload when the user changes.
  useEffect(() => {
    let isCurrent = true;
    const set: typeof setState = (next) => isCurrent && setState(next);
    set(undefined);
    loadSegments?.().then(
      (segmentIds) => set({ segmentIds, error: undefined }),
      (error) => set({ segmentIds: undefined, error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [loadSegments, userId]);
  return { segmentIds: undefined, error: undefined, ...state, isIn: (id) => !!state?.segmentIds?.includes(id) };
};
