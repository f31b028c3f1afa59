import { useQuery } from '@tanstack/react-query';
import { toProblem } from '@/api/problem';
import { send } from '@/api/transport';
import type { SignUpConfig } from '@/api/types';

async function readConfig(): Promise<SignUpConfig> {
  const response = await send(new Request(new URL('/api/auth/config/', location.origin)));
  if (!response.ok) throw await toProblem(response);
  return (await response.json()) as SignUpConfig;
}

/** Who may sign up, and whether the installation sends mail. Undefined until it is known. */
export function useConfig(): SignUpConfig | undefined {
  return useQuery({ queryKey: ['config'], queryFn: readConfig, staleTime: 60_000 }).data;
}
