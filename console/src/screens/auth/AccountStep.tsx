import { Button, PasswordInput, TextInput } from '@mantine/core';
import type { ApiProblem } from '@/api/problem';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { Meter } from './Meter';
import type { SignUpDraft } from './SignUp';
import { strength } from './strength';

interface AccountStepProps {
  draft: SignUpDraft;
  setDraft: (draft: SignUpDraft) => void;
  password: string;
  setPassword: (password: string) => void;
  problem: ApiProblem | null;
}

export function AccountStep({ draft, setDraft, password, setPassword, problem }: AccountStepProps) {
  return (
    <>
      <TextInput
        label={text.auth.email}
        type="email"
        autoComplete="username"
        required
        value={draft.email}
        onChange={(event) => setDraft({ ...draft, email: event.currentTarget.value })}
      />
      <PasswordInput
        label={text.auth.password}
        description={text.auth.passwordHelp}
        autoComplete="new-password"
        required
        minLength={8}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <Meter password={password} />
      {problem !== null && <ProblemText problem={problem} />}
      <Button type="submit" disabled={strength(password) === 0}>
        {text.auth.next}
      </Button>
    </>
  );
}
