import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import { useAccount } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { useConfig } from '@/screens/auth/config';
import { profile } from '@/strings/profile';
import classes from '../settings.module.css';

/** The address of the account, whether it is confirmed, and the mail that confirms it. */
export function Address() {
  const words = profile;
  const { email, email_verified } = useAccount();
  const config = useConfig();
  return (
    <>
      <dl className={classes.facts}>
        <dt>{words.email}</dt>
        <dd>
          {email}
          <span className={email_verified ? classes.good : 'dim'}>
            {email_verified ? words.verified : words.unverified}
          </span>
        </dd>
      </dl>
      {!email_verified && config?.sends_mail && <Verification />}
    </>
  );
}

function Verification() {
  const words = profile;
  const send = useMutation({ mutationFn: () => body(api.POST('/api/auth/email/verification/')) });
  if (send.isSuccess) return <p role="status">{words.verificationSent}</p>;
  return (
    <>
      <p className="dim">{words.verifyDetail}</p>
      {send.error && <ProblemText problem={asProblem(send.error)} />}
      <div>
        <Button variant="default" loading={send.isPending} onClick={() => send.mutate()}>
          {words.sendVerification}
        </Button>
      </div>
    </>
  );
}
