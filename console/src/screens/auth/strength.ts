const LEAST = 8;

/** A rough strength from 0 (too short) to 4: length counts most, repetition and sequences count little. */
export function strength(password: string): number {
  if (password.length < LEAST) return 0;
  const distinct = new Set(password.toLowerCase()).size;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/].filter((kind) => kind.test(password)).length;
  const runs = password.match(/(.)\1{2,}|0123|1234|2345|3456|4567|5678|6789|abcd|qwer|pass/gi)?.length ?? 0;
  const points = password.length + distinct + 2 * kinds - 6 * runs;
  if (points < 20) return 1;
  if (points < 26) return 2;
  return points < 34 ? 3 : 4;
}
