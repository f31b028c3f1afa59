export const LANGUAGES = ['curl', 'typescript', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface NamedSnippet {
  name: 'lookup' | 'members' | 'compute';
  code: string;
}

/** Return a text as a literal that a POSIX shell takes as it is. */
export function shellQuote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Return what the screen does in a language, with a real segment and user. */
export function snippets(language: Language, address: string, id: number, user: string): NamedSnippet[] {
  switch (language) {
    case 'curl':
      return curl(address, id, user);
    case 'typescript':
      return typescript(address, id, user);
    case 'python':
      return python(address, id, user);
  }
}

function curl(address: string, id: number, user: string): NamedSnippet[] {
  const key = '-H "Authorization: ApiKey $SEGOPS_API_KEY"';
  return [
    {
      name: 'lookup',
      code: `curl -G "${address}/api/segments/membership/" ${key} \\\n  --data-urlencode ${shellQuote(`user_id=${user}`)} -d segment_id=${id}`,
    },
    { name: 'members', code: `curl "${address}/api/segments/${id}/members/?format=csv" ${key}` },
    { name: 'compute', code: `curl -X POST "${address}/api/segments/${id}/compute/" ${key}` },
  ];
}

function typescript(address: string, id: number, user: string): NamedSnippet[] {
  const client = `import { Membership } from '@segops/sdk/membership';

const membership = new Membership({ apiUrl: '${address}', apiKey: process.env.SEGOPS_API_KEY! });`;
  const headers = "{ Authorization: 'ApiKey ' + process.env.SEGOPS_API_KEY }";
  return [
    { name: 'lookup', code: `${client}\n\nawait membership.isIn(${JSON.stringify(user)}, ${id});` },
    {
      name: 'members',
      code: `${client}\n\nfor await (const { userId } of membership.members(${id})) console.log(userId);`,
    },
    {
      name: 'compute',
      code: `await fetch('${address}/api/segments/${id}/compute/', {\n  method: 'POST',\n  headers: ${headers},\n});`,
    },
  ];
}

function python(address: string, id: number, user: string): NamedSnippet[] {
  const client = `import os

from segops_client import SegOpsClient

segops = SegOpsClient("${address}", os.environ["SEGOPS_API_KEY"])`;
  return [
    { name: 'lookup', code: `${client}\n\n${id} in segops.segments(${JSON.stringify(user)})` },
    { name: 'members', code: `${client}\n\nfor member in segops.members(${id}):\n    print(member.user_id)` },
    {
      name: 'compute',
      code: `import os\n\nimport httpx\n\nhttpx.post(\n    "${address}/api/segments/${id}/compute/",\n    headers={"Authorization": f"ApiKey {os.environ['SEGOPS_API_KEY']}"},\n)`,
    },
  ];
}
